//! Tests of the kinds.

use super::*;

#[test]
fn both_spellings_are_read() {
    for kind in EventKind::ALL {
        assert_eq!(EventKind::from(kind.as_str()), *kind);
        assert_eq!(kind.to_string().parse(), Ok(kind.clone()));
        assert!(kind.is_known() && kind.family() != FamilyName::Unknown);
        if let Some(subscription) = kind.subscription() {
            assert_eq!(EventKind::from(subscription), *kind);
        }
    }
    assert_eq!(EventKind::from("AppVersionUnavailable"), EventKind::AppVersionsUnavailable);
}

/// Apple's two spellings go by one rule, which guards both tables against slips.
#[test]
fn the_spellings_go_together() {
    let camel_case = |subscription: &str| {
        let mut words = subscription.split('_').map(str::to_ascii_lowercase);
        let first = words.next().unwrap();
        words.fold(first, |name, word| format!("{name}{}{}", word[..1].to_ascii_uppercase(), &word[1..]))
    };
    let subscribable: Vec<_> = EventKind::ALL.iter().filter_map(|kind| Some((kind.as_str(), kind.subscription()?))).collect();
    assert_eq!(subscribable.len(), 12);
    for (name, subscription) in subscribable {
        assert_eq!(camel_case(subscription), name);
    }
}

#[test]
fn names_are_one_to_one() {
    let mut names: Vec<_> = EventKind::ALL.iter().map(EventKind::as_str).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 19);
    for family in FamilyName::ALL {
        assert_eq!(serde_json::to_value(family).unwrap(), family.as_str());
    }
}

#[test]
fn an_unknown_kind_stays_as_it_is_written() {
    let kind = EventKind::from("reviewSubmissionStateUpdated");
    assert_eq!((kind.as_str(), kind.subscription(), kind.family()), ("reviewSubmissionStateUpdated", None, FamilyName::Unknown));
    assert!(!kind.is_known());
    assert_eq!(kind, EventKind::from("reviewSubmissionStateUpdated"));
    assert_eq!(EventKind::from("webhookPings").family(), FamilyName::Ping);
    assert_eq!(EventKind::from("xcodeCloudBuildPaused").family(), FamilyName::XcodeCloud);
}
