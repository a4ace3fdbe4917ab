"""The five source documents by title, and the groups under which each of them lists its KPIs."""

KPIS_101 = "Product KPIs 101 (Beyond the Backlog)"
NOTE = "A note on product KPIs"
GEEKS = "What is a KPI in product management? (GeeksforGeeks)"
UNDERSTANDING = "Understanding KPIs in Product Management"
CLICKUP = "15 Key Product Management KPIs and Metrics (ClickUp)"
STANDARD = "standard definition of the field"

GROUPS = {
    KPIS_101: (
        "acquisition and activation",
        "active users and engagement",
        "satisfaction and experience",
        "revenue and monetization",
        "conversion and funnel",
        "performance and stability",
        "retention and churn",
        "marketing",
        "support",
        "feature adoption and usage",
        "competitive",
    ),
    NOTE: ("revenue", "engagement and adoption", "conversion", "satisfaction and loyalty", "quality and performance"),
    GEEKS: ("acquisition", "engagement", "monetization", "product development", "operational", "communication"),
    UNDERSTANDING: ("usage", "financial", "satisfaction"),
    CLICKUP: ("customer", "user engagement", "product quality", "business performance"),
}


def tags(references: tuple[str, ...]) -> tuple[str, ...]:
    """The groups that references name, as `document: group`; a group that its document does not have is an error.

    >>> tags((f"{UNDERSTANDING}: usage", STANDARD))
    ('Understanding KPIs in Product Management: usage',)
    """
    found = []
    for each in references:
        title, mark, group = each.partition(": ")
        if mark and title in GROUPS:
            if group not in GROUPS[title]:
                raise ValueError(f"{title} has no group {group!r}. There are: {', '.join(GROUPS[title])}.")
            found.append(each)
    return tuple(found)
