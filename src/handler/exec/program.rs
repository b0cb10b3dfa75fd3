//! Which file a command means.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use super::super::SectionError;

/// The program's file: the path itself, or the first of that name in the directories of `path`. It is looked up once, when the
/// handler is built, so that a mistake shows at the start and not with the first event.
pub(super) fn find(command: &[String], path: &str) -> Result<PathBuf, SectionError> {
    let nothing = "found nothing, expected a program and its arguments, as in `[\"/usr/local/bin/notify\", \"--loud\"]`";
    let name = match command.first().map(String::as_str) {
        None => return Err(SectionError::new("command", nothing)),
        Some("") => return Err(SectionError::new("command[0]", nothing)),
        Some(name) => name,
    };
    if let Some(index) = command.iter().position(|argument| argument.contains('\0')) {
        return Err(SectionError::new(format!("command[{index}]"), "found a NUL in it, expected a text without"));
    }
    let (found, expected) = if name.starts_with('/') {
        (Some(PathBuf::from(name)).filter(|file| is_program(file)), "an executable file".to_owned())
    } else if name.contains('/') {
        (None, "an absolute path, or a name to look up".to_owned())
    } else {
        (
            path.split(':').map(|directory| Path::new(directory).join(name)).find(|file| is_program(file)),
            format!("a program in `{path}`"),
        )
    };
    found.ok_or_else(|| {
        let error = SectionError::new("command[0]", format!("found `{name}`, expected {expected}"));
        if name.contains(' ') { error.hint("there is no shell: write each argument as a string of its own") } else { error }
    })
}

fn is_program(file: &Path) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(command: &[&str], expected: Result<&str, &str>) {
        let command: Vec<_> = command.iter().map(ToString::to_string).collect();
        let found = find(&command, "/nowhere:/bin").map_err(|error| error.to_string());
        assert_eq!(found.as_deref().map_err(String::as_str), expected.map(Path::new));
    }

    #[test]
    fn finds() {
        check(&["/bin/sh", "-c"], Ok("/bin/sh"));
        check(&["sh"], Ok("/bin/sh"));
        check(&["./sh"], Err("`command[0]`: found `./sh`, expected an absolute path, or a name to look up"));
        check(&["/etc/passwd"], Err("`command[0]`: found `/etc/passwd`, expected an executable file"));
        check(&["/bin"], Err("`command[0]`: found `/bin`, expected an executable file"));
        check(&["no-such-program"], Err("`command[0]`: found `no-such-program`, expected a program in `/nowhere:/bin`"));
        check(&["sh", "a\0b"], Err("`command[1]`: found a NUL in it, expected a text without"));
        check(
            &["sh -c true"],
            Err("`command[0]`: found `sh -c true`, expected a program in `/nowhere:/bin` \
                 (there is no shell: write each argument as a string of its own)"),
        );
        let none =
            "`command`: found nothing, expected a program and its arguments, as in `[\"/usr/local/bin/notify\", \"--loud\"]`";
        check(&[], Err(none));
        check(&[""], Err(&none.replace("`command`", "`command[0]`")));
    }
}
