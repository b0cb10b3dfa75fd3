//! That handlers are not in the configuration to which something was to be given: the command line and the operator's listener refuse
//! that in the same words.

use std::fmt;

/// Handlers that are not configured, so that nothing would come of what they are given; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Absent(Vec<String>);

impl Absent {
    /// Those of these names, fit to be read.
    pub(crate) fn of(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(names.into_iter().map(Into::into).collect())
    }

    /// What to do.
    pub(crate) fn hint(&self) -> &'static str {
        match self.0[..] {
            [_] => "configure a handler of this name again first",
            _ => "configure handlers of these names again first",
        }
    }
}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listed: Vec<String> = self.0.iter().map(|name| format!("`{name}`")).collect();
        let are = if listed.len() == 1 { "is" } else { "are" };
        write!(f, "{} {are} not in the configuration, so nothing would try it again", listed.join(", "))
    }
}
