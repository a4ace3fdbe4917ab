"""What fits the kind of product: the [product] section of a first kpi.toml and settings to choose from."""

# setting = value | why, one profile after the other; settings stay comments until somebody decides
PROFILES_AS_TEXT = """
saas
goals = ["engagement", "revenue"]
north_star = "mrr"
activation_event = "…" | the event that shows that a newcomer got the value
activation_within = "7d" | how long a newcomer has for it
gross_margin = 0.80 | revenue minus what it costs to serve, as a share; lifetime value and payback need it
reactivation_within = "90d" | who comes back within it is no new customer
renewal_grace = "7d" | a renewal may be that late
fcr_within = "7d" | a ticket that stays closed so long was resolved
freemium
goals = ["engagement"]
north_star = "wau"
activation_event = "…" | the event that shows that a newcomer got the value
activation_within = "7d" | how long a newcomer has for it
goal_event = "…" | the step from free to paid, such as an upgrade
goal_within = "30d" | how long people have for it
feature_min_uses = 1 | so many uses make a user of a feature
gross_margin = 0.80 | revenue minus what it costs to serve, as a share
commerce
goals = ["revenue"]
north_star = "active_customers"
active_events = ["purchase"] | what counts as being active
repeat_window = "period" | orders that count as repeated: "period" or "ever"
goal_event = "purchase" | the conversion
goal_within = "7d" | how long a visitor has for it
gross_margin = 0.40 | revenue minus the cost of goods, as a share; lifetime value needs it
app
goals = ["engagement"]
north_star = "dau"
active_events = ["*"] | what counts as being active; ["*"] is everything
session_gap = "30m" | a longer pause begins a new session
activation_event = "…" | the event that shows that a newcomer got the value
activation_within = "1d" | how long a newcomer has for it
login_events = ["login"] | what counts as a log-in
"""


def _read() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in PROFILES_AS_TEXT.strip().splitlines():
        if "=" not in line:
            found[line] = []
        else:
            found[list(found)[-1]].append(line)
    return found


PROFILES = _read()


def product(profile: str) -> str:
    """The sections of a first kpi.toml for that kind of product."""
    lines = ["[product]", f'profile = "{profile}"', '# stage = "growth"                # early, growth or mature']
    lines += [line for line in PROFILES[profile] if "|" not in line]
    lines += ["", "# Settings that fit; take the mark away where they hold.", "[settings]"]
    for key, why in (line.split(" | ") for line in PROFILES[profile] if "|" in line):
        lines.append(f"# {key:<32}# {why}")
    return "\n".join([*lines, ""])
