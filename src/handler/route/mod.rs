//! Which handlers an event is owed to.
//!
//! Pure: an event, an endpoint's name and the routes in, the routes that it takes out. What nobody signed is owed only to handlers that ask
//! for it: whose `events` name it, or whose `endpoints` name where it came in. That `*` would take it too is not asking, nor is a
//! `when`. What is asked first costs least: the kind, then the endpoint, then the `when` expression. An expression that fails on an
//! event counts as true, as does a handler that panics when it is asked what it wants ([`Doubt`]): so that a mistake brings an event too
//! many and never one too few. So does an expression that depends on details of the event, which are not known yet: the worker asks
//! it again.

mod when;

use std::{
    cell::OnceCell,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use self::when::{Scope, Truth};
pub use self::when::{When, WhenError};
use super::Doubt;
use crate::{
    event::{Event, EventKind, FamilyName, KindPattern},
    plain,
};

/// Whether a handler wants events of a kind: its [`wants`](super::Handler::wants).
pub type Wants = Arc<dyn Fn(&EventKind) -> bool + Send + Sync>;

/// What is owed to one handler.
#[derive(Clone)]
pub struct Route {
    /// The name of the handler.
    pub handler: Arc<str>,
    /// Events of these kinds.
    pub patterns: Vec<KindPattern>,
    /// From these endpoints; from all, if empty.
    pub endpoints: Vec<Arc<str>>,
    /// For which this is true.
    pub when: Option<When>,
    /// And whose kind the handler itself wants.
    pub wants: Wants,
    /// Whether the events of one subject are owed one after another.
    pub in_order: bool,
}

impl Route {
    /// Whether it asks for events of a family that nobody signs, and does not only fail to rule them out. That the endpoint is one of
    /// those it names has been looked at before.
    fn asks_for_unsigned(&self, family: FamilyName) -> bool {
        !self.endpoints.is_empty() || self.patterns.iter().any(|pattern| pattern.names(family))
    }

    /// Whether the handler wants the kind. Its answer is code of somebody else's, and what it is asked for is not kept yet: so a panic in
    /// it ends here.
    fn is_wanted(&self, kind: &EventKind) -> Result<bool, Doubt> {
        catch_unwind(AssertUnwindSafe(|| (self.wants)(kind))).map_err(|panic| Doubt::Wants(plain::panic_text(&*panic).to_owned()))
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("handler", &self.handler)
            .field("patterns", &self.patterns)
            .field("endpoints", &self.endpoints)
            .field("when", &self.when)
            .field("in_order", &self.in_order)
            .finish_non_exhaustive()
    }
}

/// All routes.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    routes: Vec<Route>,
}

impl Routes {
    /// Takes the routes, in the order of the configuration.
    pub fn new(routes: Vec<Route>) -> Self {
        Self { routes }
    }

    /// The routes that an event takes. Nothing is allocated unless there is a `when` to ask.
    pub fn matching<'a>(&'a self, endpoint: &'a str, event: &'a Event) -> impl Iterator<Item = Taken<'a>> {
        let scope = OnceCell::new();
        self.routes.iter().filter_map(move |route| {
            let mut doubts = Vec::new();
            let mut unless_in_doubt = |answer: Result<bool, Doubt>| {
                answer.unwrap_or_else(|doubt| {
                    doubts.push(doubt);
                    true
                })
            };
            let is_taken = route.patterns.iter().any(|pattern| pattern.matches(&event.kind))
                && (route.endpoints.is_empty() || route.endpoints.iter().any(|name| **name == *endpoint))
                && unless_in_doubt(route.is_wanted(&event.kind))
                && (!event.kind.family().is_unsigned() || route.asks_for_unsigned(event.kind.family()))
                && route.when.as_ref().is_none_or(|when| {
                    let scope = scope.get_or_init(|| Scope::of(endpoint, event, None));
                    unless_in_doubt(when.answer(scope).map(|answer| answer != Truth::No).map_err(Doubt::from))
                });
            is_taken.then_some(Taken { route, doubts })
        })
    }
}

/// A route that an event takes.
#[derive(Debug)]
pub struct Taken<'a> {
    /// The route.
    pub route: &'a Route,
    /// Which of its conditions could not be asked, and are taken as true.
    pub doubts: Vec<Doubt>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::sample;

    fn route(handler: &str) -> Route {
        Route {
            handler: handler.into(),
            patterns: vec![KindPattern::parse("*").unwrap()],
            endpoints: Vec::new(),
            when: None,
            wants: Arc::new(|_| true),
            in_order: false,
        }
    }

    fn rejected() -> Event {
        Event::parse(sample::of(&EventKind::AppStoreVersionAppVersionStateUpdated).state("REJECTED").body()).unwrap()
    }

    #[track_caller]
    fn check(route: Route, is_owed: bool) {
        let routes = Routes::new(vec![route]);
        assert_eq!(routes.matching("ios", &rejected()).count(), usize::from(is_owed), "{routes:?}");
    }

    #[test]
    fn every_condition_counts() {
        let patterns = |text: &str| vec![KindPattern::parse(text).unwrap()];
        let when = |text: &str| Some(When::compile(text).unwrap());
        check(route("all"), true);
        check(Route { patterns: patterns("app_version"), ..route("family") }, true);
        check(Route { patterns: patterns("beta_feedback"), ..route("other family") }, false);
        check(Route { patterns: Vec::new(), ..route("nothing") }, false);
        check(Route { endpoints: vec!["mac".into(), "ios".into()], ..route("endpoint") }, true);
        check(Route { endpoints: vec!["mac".into()], ..route("other endpoint") }, false);
        check(Route { wants: Arc::new(|kind| *kind == EventKind::WebhookPingCreated), ..route("unwanted") }, false);
        check(Route { when: when("event.state == 'REJECTED' and endpoint == 'ios'"), ..route("when") }, true);
        check(Route { when: when("event.state == 'IN_REVIEW'"), ..route("not when") }, false);
    }

    #[test]
    fn what_nobody_signed_must_be_asked_for() {
        let built = sample::of(&EventKind::XcodeCloudBuildCompleted).event().unwrap();
        let check = |route: Route, is_owed: bool| {
            let routes = Routes::new(vec![route]);
            assert_eq!(routes.matching("builds", &built).count(), usize::from(is_owed), "{routes:?}");
        };
        let patterns = |texts: &[&str]| texts.iter().map(|text| KindPattern::parse(text).unwrap()).collect::<Vec<_>>();
        check(route("everything"), false);
        check(Route { when: Some(When::compile("event.family == 'xcode_cloud'").unwrap()), ..route("when") }, false);
        check(Route { patterns: patterns(&["*", "xcode_cloud"]), ..route("family") }, true);
        check(Route { patterns: patterns(&["xcodeCloudBuildCompleted"]), ..route("kind") }, true);
        check(Route { patterns: patterns(&["xcodeCloud*"]), ..route("prefix") }, true);
        check(Route { patterns: patterns(&["xcodeCloudBuildStarted"]), ..route("other kind") }, false);
        check(Route { endpoints: vec!["app".into(), "builds".into()], ..route("endpoint") }, true);
        check(Route { endpoints: vec!["app".into()], patterns: patterns(&["xcode_cloud"]), ..route("other endpoint") }, false);
        check(Route { endpoints: vec!["builds".into()], patterns: patterns(&["app_version"]), ..route("other events") }, false);
    }

    #[track_caller]
    fn check_doubts(route: Route, expected: &[&str]) {
        let (routes, event) = (Routes::new(vec![route]), rejected());
        let doubts: Vec<Vec<_>> =
            routes.matching("ios", &event).map(|taken| taken.doubts.iter().map(Doubt::to_string).collect()).collect();
        assert_eq!(doubts, [expected], "{routes:?}");
    }

    #[test]
    fn a_condition_that_cannot_be_asked_loses_nothing() {
        check_doubts(route("sure"), &[]);
        let when = Some(When::compile("event.state + 1").unwrap());
        let wants: Wants = Arc::new(|kind| panic!("no opinion on `{kind}`"));
        let failed = "`when` failed: in `event.state + 1`: invalid operation: tried to use + operator on unsupported types string and number";
        let panicked = "`wants` panicked: no opinion on `appStoreVersionAppVersionStateUpdated`";
        check_doubts(Route { when: when.clone(), ..route("failing") }, &[failed]);
        check_doubts(Route { wants: wants.clone(), ..route("panicking") }, &[panicked]);
        check_doubts(Route { when, wants: wants.clone(), ..route("both") }, &[panicked, failed]);
        let is_not = Some(When::compile("event.state == 'IN_REVIEW'").unwrap());
        check(Route { when: is_not, wants, ..route("the other condition still counts") }, false);
    }

    #[test]
    fn routes_come_in_the_order_of_the_configuration() {
        let routes = Routes::new(["b", "a", "c"].map(route).into());
        let event = rejected();
        let names: Vec<_> = routes.matching("ios", &event).map(|taken| &*taken.route.handler).collect();
        assert_eq!(names, ["b", "a", "c"]);
    }
}
