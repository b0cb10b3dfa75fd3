//! What goes wrong, on demand.
//!
//! A [`Fault`] is a kind of mishap, how often it happens, and to which webhook. Faults are looked up once for each delivery and once
//! for each request to the API; several can strike the same one. Chance is drawn from the sandbox's seed.

use std::{fmt, str::FromStr, time::Duration};

use super::seed::Seed;

/// A mishap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mishap {
    /// The request is never made; the delivery is recorded as failed.
    Drop,
    /// The request is made this much later, and later ones may overtake it.
    Delay(Duration),
    /// The request is made twice.
    Duplicate,
    /// The request is made after the next one to the same webhook.
    Reorder,
    /// The request is signed with a secret that nobody has.
    WrongSecret,
    /// The body is altered after it was signed.
    ChangedBytes,
    /// The body arrives in pieces, over this much time.
    SlowBody(Duration),
    /// The API answers 500.
    ApiError,
    /// The API answers 429.
    ApiLimit,
}

/// How often a mishap happens.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Often {
    /// The next so many times, and then no more.
    Next(u32),
    /// With this probability, from 0 for never to 1 for always.
    Probability(f64),
}

/// A mishap that has been asked for.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Fault {
    /// What goes wrong.
    pub mishap: Mishap,
    /// How often.
    pub often: Often,
    /// The id of the webhook whose deliveries it strikes. None for all of them, and for what happens to the API.
    pub webhook: Option<String>,
}

impl Fault {
    /// A mishap that strikes the next so many.
    pub fn next(mishap: Mishap, times: u32) -> Self {
        Self { mishap, often: Often::Next(times), webhook: None }
    }

    /// A mishap that strikes with a probability, from 0 for never to 1 for always.
    pub fn sometimes(mishap: Mishap, probability: f64) -> Self {
        Self { mishap, often: Often::Probability(probability), webhook: None }
    }

    /// Restricts it to the deliveries of one webhook.
    #[must_use]
    pub fn only_for(mut self, webhook: impl Into<String>) -> Self {
        self.webhook = Some(webhook.into());
        self
    }
}

impl Mishap {
    /// One of each, with the time it is given if nobody says how long.
    pub const ALL: [Self; 9] = [
        Self::Drop,
        Self::Delay(Duration::from_secs(2)),
        Self::Duplicate,
        Self::Reorder,
        Self::WrongSecret,
        Self::ChangedBytes,
        Self::SlowBody(Duration::from_secs(2)),
        Self::ApiError,
        Self::ApiLimit,
    ];

    /// Its name, as it is written on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Delay(_) => "delay",
            Self::Duplicate => "duplicate",
            Self::Reorder => "reorder",
            Self::WrongSecret => "wrong-secret",
            Self::ChangedBytes => "changed-bytes",
            Self::SlowBody(_) => "slow-body",
            Self::ApiError => "api-500",
            Self::ApiLimit => "api-429",
        }
    }

    /// What it does, in a few words.
    pub fn about(self) -> &'static str {
        match self {
            Self::Drop => "a notification is never sent",
            Self::Delay(_) => "a notification is sent later",
            Self::Duplicate => "a notification is sent twice",
            Self::Reorder => "a notification is sent after the next one",
            Self::WrongSecret => "a notification is signed with a wrong secret",
            Self::ChangedBytes => "a notification is altered after it was signed",
            Self::SlowBody(_) => "the body of a notification arrives slowly",
            Self::ApiError => "the API answers 500",
            Self::ApiLimit => "the API answers 429: too many requests",
        }
    }

    /// The same mishap, lasting so long, if it is one that takes time.
    #[must_use]
    pub fn lasting(self, time: Duration) -> Self {
        match self {
            Self::Delay(_) => Self::Delay(time),
            Self::SlowBody(_) => Self::SlowBody(time),
            instant => instant,
        }
    }

    fn befalls_the_api(self) -> bool {
        matches!(self, Self::ApiError | Self::ApiLimit)
    }
}

impl FromStr for Mishap {
    type Err = UnknownMishap;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|mishap| mishap.as_str() == text).ok_or_else(|| UnknownMishap(text.to_owned()))
    }
}

/// No mishap has this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownMishap(String);

impl std::error::Error for UnknownMishap {}

impl fmt::Display for UnknownMishap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Mishap::ALL.map(Mishap::as_str).join("`, `");
        write!(f, "found `{}`, expected one of the faults `{names}`", self.0)
    }
}

/// The faults that are in force.
#[derive(Debug)]
pub(super) struct Faults {
    active: Vec<Fault>,
    chance: Seed,
}

impl Faults {
    pub(super) fn new(chance: Seed) -> Self {
        Self { active: Vec::new(), chance }
    }

    pub(super) fn add(&mut self, fault: Fault) {
        self.active.push(fault);
    }

    pub(super) fn clear(&mut self) {
        self.active.clear();
    }

    pub(super) fn active(&self) -> &[Fault] {
        &self.active
    }

    /// What goes wrong with a delivery to this webhook: everything that happens to.
    pub(super) fn strike_delivery(&mut self, webhook: &str) -> Vec<Mishap> {
        let concerns =
            |fault: &Fault| !fault.mishap.befalls_the_api() && fault.webhook.as_deref().is_none_or(|only| only == webhook);
        self.strike(concerns, usize::MAX)
    }

    /// What goes wrong with a request to the API: one thing at most, since there is one answer.
    pub(super) fn strike_api(&mut self) -> Option<Mishap> {
        self.strike(|fault| fault.mishap.befalls_the_api(), 1).pop()
    }

    fn strike(&mut self, concerns: impl Fn(&Fault) -> bool, at_most: usize) -> Vec<Mishap> {
        let chance = &mut self.chance;
        let happening = self.active.iter_mut().filter(|fault| concerns(fault)).filter_map(|fault| {
            let happens = match &mut fault.often {
                Often::Next(0) => false,
                Often::Next(times) => {
                    *times -= 1;
                    true
                }
                Often::Probability(probability) => chance.happens(*probability),
            };
            happens.then_some(fault.mishap)
        });
        let struck = happening.take(at_most).collect();
        self.active.retain(|fault| fault.often != Often::Next(0));
        struck
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_two_and_no_more() {
        let mut faults = Faults::new(Seed::new(1));
        faults.add(Fault::next(Mishap::Drop, 2).only_for("mine"));
        assert_eq!(faults.strike_delivery("other"), []);
        assert_eq!(faults.strike_delivery("mine"), [Mishap::Drop]);
        assert_eq!(faults.strike_api(), None);
        assert_eq!(faults.strike_delivery("mine"), [Mishap::Drop]);
        assert_eq!(faults.strike_delivery("mine"), []);
        assert_eq!(faults.active(), []);
    }

    #[test]
    fn a_probability_stays() {
        let mut faults = Faults::new(Seed::new(1));
        faults.add(Fault::sometimes(Mishap::ApiLimit, 0.3));
        let struck = (0..1_000).filter(|_| faults.strike_api().is_some()).count();
        assert!((250..350).contains(&struck), "{struck} of 1,000");
        assert_eq!(faults.active().len(), 1);
        faults.clear();
        assert_eq!(faults.strike_api(), None);
    }

    #[test]
    fn every_mishap_is_read_by_its_name() {
        for mishap in Mishap::ALL {
            assert_eq!(mishap.as_str().parse(), Ok(mishap));
        }
        let refused = "earthquake".parse::<Mishap>().unwrap_err().to_string();
        assert!(refused.starts_with("found `earthquake`, expected one of the faults `drop`, `delay`"), "{refused}");
    }
}
