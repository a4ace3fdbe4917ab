"""The whole company: every table, drawn from people outwards, so that all of them tell the same story."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from kpi_lib.sources.sample import delivery, market, money, people, service, usage
from kpi_lib.sources.sample.story import NEVER, Ints, Story

Table = tuple[str, pl.DataFrame]


@dataclass(frozen=True)
class Company:
    """What all tables rest on, drawn once: people, their days, and their contracts."""

    story: Story

    @cached_property
    def who(self) -> people.People:
        """Everybody who signs up."""
        return people.people(self.story)

    @cached_property
    def come(self) -> usage.Visits:
        """The days on which they come."""
        return usage.visits(self.story, self.who)

    @cached_property
    def trials(self) -> tuple[Ints, Ints]:
        """Who tries the paid plan, and from when."""
        return people.trial_starts(self.story, self.who)

    @cached_property
    def signed(self) -> list[tuple[money.Customer, money.Spell]]:
        """The contracts."""
        return money.contracts(self.story, money.customers(self.story, self.who, *self.trials))

    def tables(self) -> Iterator[Table]:
        """All tables, one after the other; events come in several parts, named events-2026-Q3 and so on."""
        yield from self._people()
        yield from self._events()
        yield from self._money()
        yield from self._service()
        yield from self._delivery()
        yield from self._market()

    def _people(self) -> Iterator[Table]:
        yield "users", people.users(self.story, self.who, *money.plans(self.story, self.who, self.signed))
        spend = people.marketing_spend(self.story, self.who)
        yield "marketing_spend", spend
        yield "costs", market.costs(self.story, spend)
        yield "web_visits", people.web_visits(self.story, self.who)
        yield "installs", people.installs(self.story, self.who)
        yield "emails", service.emails(self.story, self.come)

    def _events(self) -> Iterator[Table]:
        """Events quarter by quarter: a trial begins in the first session, a subscription in one of its own."""
        tries, tried_at = self.trials
        bought = list({customer.user: customer for customer, _ in self.signed}.values())
        paid_at = np.array([money.instant(self.story, c.start, c.clock) for c in bought], dtype=np.int64)
        payer = np.array([c.user for c in bought], dtype=np.int64)
        for quarter, first, last in self.story.quarters:
            use = usage.Usage(self.story, self.who, self.come.between(first, last), quarter)
            start = usage.sessions(use)
            signed_up = np.flatnonzero(start.event == usage.CODES[usage.SIGNUP])
            session = np.full(self.story.users, NEVER)
            session[start.user[signed_up]] = signed_up
            trying = session[tries] != NEVER
            low, high = self.story.starts[[first, last]]
            paying = (paid_at >= low) & (paid_at < high)
            parts = [
                start,
                usage.actions(use, start),
                usage.milestones(use, start),
                usage.told(usage.TRY, tries[trying], tried_at[trying], session[tries[trying]]),
                usage.told(usage.BUY, payer[paying], paid_at[paying], len(start.user) + np.flatnonzero(paying)),
            ]
            yield f"events-{quarter}", usage.events(use, parts)

    def _money(self) -> Iterator[Table]:
        yield "subscriptions", money.subscriptions(self.story, self.signed, *self.trials)
        yield "transactions", money.transactions(self.story, self.who, self.signed)
        yield "rates", money.rates(self.story)
        yield "products", money.products(self.story)

    def _service(self) -> Iterator[Table]:
        tickets, course = service.tickets(self.story, self.come)
        yield "tickets", tickets
        yield "ticket_messages", service.ticket_messages(self.story, tickets, course)
        yield "surveys", service.surveys(self.story, self.who, self.come, tickets)
        yield "reviews", service.reviews(self.story, self.who, self.come)
        yield "feature_requests", service.feature_requests(self.story, self.come)
        yield "usability_tasks", service.usability_tasks(self.story, self.come)
        yield "inquiries", service.inquiries(self.story)
        yield "notifications", service.notifications(self.story)

    def _delivery(self) -> Iterator[Table]:
        items, log = delivery.work_items(self.story)
        yield "work_items", items
        yield "work_log", log
        for make in (
            delivery.requests, delivery.incidents, delivery.units, delivery.releases, delivery.features, delivery.defects,
            delivery.code_size, delivery.tests, delivery.goals,
        ):  # fmt: skip
            yield make.__name__, make(self.story)

    def _market(self) -> Iterator[Table]:
        for make in (
            market.deals, market.social, market.mentions, market.market, market.benchmarks, market.employee_surveys,
        ):  # fmt: skip
            yield make.__name__, make(self.story)
