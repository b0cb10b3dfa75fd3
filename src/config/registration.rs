//! `[registration]`: what our webhooks are called at Apple.

use super::section::Section;

/// `[registration]`
#[derive(Clone, Debug)]
pub struct Registration {
    /// What the names of our webhooks begin with; empty if they are known by their address alone.
    pub name_prefix: String,
}

impl Registration {
    pub(super) fn settle(mut section: Section<'_, '_>) -> Option<Self> {
        let name_prefix = section.required("name_prefix");
        section.finish();
        Some(Self { name_prefix: name_prefix? })
    }
}
