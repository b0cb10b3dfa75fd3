//! The kinds of handler that a configuration can name, and the factory of each.

use std::{collections::BTreeMap, fmt, sync::Arc};

use super::{
    BoxHandler, Exec, Forward, Handler, Log, Section, SectionError,
    chat::{Chat, Discord, Lark, Slack, Teams, Telegram},
    email::Email,
    github::GitHub,
    gitlab::GitLab,
};
use crate::spelling::did_you_mean;

/// Knows the kinds of handler by name.
///
/// ```
/// use asc_webhooks::handler::{Registry, handler_fn};
///
/// let registry = Registry::builtin().register_handler("print", handler_fn(async |event, _ctx| {
///     println!("{}", event.kind);
///     Ok(())
/// }));
/// assert!(registry.kinds().any(|kind| kind == "print") && registry.kinds().any(|kind| kind == "forward"));
/// ```
#[derive(Clone)]
pub struct Registry {
    factories: BTreeMap<String, Factory>,
}

type Factory = Arc<dyn Fn(Section) -> Result<BoxHandler, SectionError> + Send + Sync>;

/// Why a handler cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// No kind of this name is registered.
    #[error("found the unknown kind `{kind}`, expected one of {known}")]
    UnknownKind {
        /// The name.
        kind: String,
        /// The registered kinds, in backticks.
        known: String,
        /// What to do.
        hint: Option<String>,
    },
    /// The kind's own keys are wrong.
    #[error(transparent)]
    Section(#[from] SectionError),
}

impl Registry {
    /// The kinds that ship: `discord`, `email`, `exec`, `forward`, `github`, `gitlab`, `lark`, `log`, `slack`, `teams`, `telegram`.
    pub fn builtin() -> Self {
        Self::empty()
            .register("discord", Chat::<Discord>::new)
            .register("email", Email::new)
            .register("exec", Exec::new)
            .register("forward", Forward::new)
            .register("github", GitHub::new)
            .register("gitlab", GitLab::new)
            .register("lark", Chat::<Lark>::new)
            .register("log", Log::new)
            .register("slack", Slack::new)
            .register("teams", Chat::<Teams>::new)
            .register("telegram", Chat::<Telegram>::new)
    }

    /// No kinds at all.
    pub fn empty() -> Self {
        Self { factories: BTreeMap::new() }
    }

    /// Adds a kind, which is built by `factory` for each `[[handler]]` that names it. A kind that was registered under the same name
    /// before is replaced.
    #[must_use]
    pub fn register<H: Handler>(
        mut self,
        kind: impl Into<String>,
        factory: impl Fn(Section) -> Result<H, SectionError> + Send + Sync + 'static,
    ) -> Self {
        self.factories.insert(kind.into(), Arc::new(move |section| factory(section).map(BoxHandler::new)));
        self
    }

    /// Adds a kind that needs no configuration: every `[[handler]]` that names it is this handler, and has no keys of its own.
    #[must_use]
    pub fn register_handler(self, kind: impl Into<String>, handler: impl Handler) -> Self {
        #[derive(serde::Deserialize)]
        struct NoKeys {}
        let handler = BoxHandler::new(handler);
        self.register(kind, move |section| section.parse::<NoKeys>().map(|NoKeys {}| handler.clone()))
    }

    /// The names of all kinds, sorted.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.factories.keys().map(String::as_str)
    }

    /// Builds a handler.
    ///
    /// # Errors
    /// When there is no such kind, or the section is not what the kind expects.
    pub fn build(&self, kind: &str, section: Section) -> Result<BoxHandler, BuildError> {
        match self.factories.get(kind) {
            Some(factory) => {
                let secrets = section.secrets();
                let built = factory(section)?;
                Ok(built.without(secrets.redactor()))
            }
            None => Err(BuildError::UnknownKind {
                kind: kind.to_owned(),
                known: self.kinds().map(|kind| format!("`{kind}`")).collect::<Vec<_>>().join(", "),
                hint: did_you_mean(kind, self.kinds()),
            }),
        }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("kinds", &self.factories.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::handler_fn;

    #[track_caller]
    fn check(kind: &str, toml: &str, expected: &str) {
        let registry = Registry::builtin().register_handler("done", handler_fn(async |_, _| Ok(())));
        let said = match registry.build(kind, Section::sample(toml)) {
            Ok(_) => "built".to_owned(),
            Err(error) => error.to_string(),
        };
        assert_eq!(said, expected);
    }

    #[test]
    fn builds() {
        check("log", "level = 'info'", "built");
        check(
            "log",
            "level = 'inof'",
            "`level`: found `inof`, expected one of `error`, `warn`, `info`, `debug`, `trace` (did you mean `info`?)",
        );
        check(
            "log",
            "levle = 'info'",
            "`levle`: found an unknown key, expected one of `level`, or one that every handler has (did you mean `level`?); \
             `level`: found nothing, expected a value",
        );
        check("done", "", "built");
        check("done", "level = 'info'", "`level`: found an unknown key, expected none but those that every handler has");
        check(
            "froward",
            "",
            "found the unknown kind `froward`, expected one of `discord`, `done`, `email`, `exec`, `forward`, `github`, `gitlab`, `lark`, `log`, `slack`, `teams`, `telegram`",
        );
        check(
            "pigeon",
            "",
            "found the unknown kind `pigeon`, expected one of `discord`, `done`, `email`, `exec`, `forward`, `github`, `gitlab`, `lark`, `log`, `slack`, `teams`, `telegram`",
        );
    }

    #[test]
    fn a_kind_that_is_nearly_right_is_asked_about() {
        let hint_for = |kind| match Registry::builtin().build(kind, Section::sample("")) {
            Err(BuildError::UnknownKind { hint, .. }) => hint,
            other => panic!("{other:?}"),
        };
        assert_eq!(hint_for("froward").as_deref(), Some("did you mean `forward`?"));
        assert_eq!(hint_for("pigeon"), None);
    }

    #[test]
    fn the_later_kind_of_a_name_wins() {
        let registry = Registry::builtin().register_handler("log", handler_fn(async |_, _| Ok(())));
        assert!(registry.build("log", Section::sample("")).is_ok());
        assert_eq!(Registry::empty().kinds().count(), 0);
    }
}
