//! The container, without an engine: the root file system that the last stage of the `Dockerfile` describes, run as an engine would run it
//! at its strictest. Read-only, as nobody, without a capability, with one folder to write to.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::support::{
    PATH, SECRET, eventually, http,
    load::{event, event_id},
    report,
    sink::Sink,
};

/// The last stage of the container, in the words that describe it.
const DOCKERFILE: &str = include_str!("../../Dockerfile");

/// The user of the container.
const NOBODY: u32 = 65_534;

#[test]
fn the_image_serves_keeps_and_stops_on_an_empty_root() {
    let sink = Sink::open();
    // A name that only the hosts file knows, so that it takes a resolver to get there, and none of the system's libraries is here.
    let image = Image::lay_out(&sink.handler("sink").replace("127.0.0.1", "sink.test"));
    let id = event_id(1);

    let container = image.run();
    assert_eq!(http::send(image.address, &event(&id)).unwrap().status(), 200);
    eventually("the event is forwarded by name", Duration::from_secs(30), || sink.len() == 1);
    assert_works(&image.command(&healthcheck()));
    container.stop();
    assert!(!image.command(&healthcheck()).status.success(), "nobody serves, and the health check is content");

    let container = image.run();
    let listed = image.command(&["/asc-webhooks", "events", "list", "--json"]);
    assert_works(&listed);
    assert!(String::from_utf8_lossy(&listed.stdout).contains(&id), "the event is gone: {listed:?}");
    container.stop();
}

/// What an engine would make of the `Dockerfile` is what is laid out here: nothing but what the build put into one folder.
#[test]
fn the_last_stage_brings_nothing_along() {
    check_bare(DOCKERFILE).unwrap();
}

#[test]
fn control_an_image_that_brings_something_along_is_noticed() {
    let changed = |from: &str, to: &str| {
        assert!(DOCKERFILE.contains(from), "`{from}` is not in the Dockerfile");
        check_bare(&DOCKERFILE.replace(from, to))
    };
    changed("FROM scratch", "FROM debian:bookworm-slim").unwrap_err();
    changed("EXPOSE 8080", "COPY --from=build /bin/sh /bin/sh\nEXPOSE 8080").unwrap_err();
    changed("EXPOSE 8080", "RUN apt-get install curl\nEXPOSE 8080").unwrap_err();
    changed("/image/asc-webhooks \\", "/image/asc-webhooks \\\n    && cp /bin/busybox /image/busybox \\").unwrap_err();
}

/// Says what is in the image besides the program and an empty folder for its data.
fn check_bare(dockerfile: &str) -> Result<(), String> {
    let (build, last) = dockerfile.rsplit_once("\nFROM ").unwrap();
    let base = last.lines().next().unwrap_or_default();
    if base != "scratch" {
        return Err(format!("the image begins with `{base}`"));
    }
    let brings: Vec<_> = last.lines().filter(|line| ["COPY ", "ADD ", "RUN "].iter().any(|word| line.starts_with(word))).collect();
    if brings != ["COPY --from=build /image/ /"] {
        return Err(format!("the last stage has {brings:?}"));
    }
    let put: Vec<_> = build.split_whitespace().filter(|word| word.starts_with("/image/")).collect();
    if put == ["/image/asc-webhooks", "/image/data"] { Ok(()) } else { Err(format!("the build puts {put:?} there")) }
}

#[test]
fn the_image_is_small() {
    let image = Image::lay_out("");
    let size = fs::metadata(image.root().join("asc-webhooks")).unwrap().len();
    assert!(size < 14 << 20, "the image has {size} bytes");
    report(&format!("one file, {} KiB", size / 1_024));
}

#[test]
fn the_root_is_read_only_and_the_user_is_nobody() {
    let image = Image::lay_out("");
    let container = image.run();
    let status = fs::read_to_string(format!("/proc/{}/status", container.inside())).unwrap();
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned();
    assert_eq!(field("Uid:"), ["65534"; 4].join("\t"));
    assert_eq!(field("CapEff:"), "0000000000000000");
    assert_eq!(field("NoNewPrivs:"), "1");
    let mounts = fs::read_to_string(format!("/proc/{}/mountinfo", container.inside())).unwrap();
    let root = mounts.lines().find(|line| line.split(' ').nth(4) == Some("/")).unwrap();
    assert!(root.split(' ').nth(5).unwrap().starts_with("ro"), "the root can be written to: {root}");
    container.stop();
}

/// The container's file system and how it is run.
struct Image {
    folder: TempDir,
    address: SocketAddr,
}

impl Image {
    /// Lays the root out: the program, the volume, and what every engine puts beside them.
    fn lay_out(blocks: &str) -> Self {
        let folder = TempDir::with_prefix("asc-webhooks-image-").unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        // A port that was free a moment ago: a container's port is fixed, so it has to be chosen before.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let image = Self { folder, address };
        let root = image.root();
        for directory in ["data", "dev", "proc", "etc/asc-webhooks"] {
            fs::create_dir_all(root.join(directory)).unwrap();
        }
        assert_eq!(words("VOLUME"), ["/data"]);
        assert_eq!(words("USER"), [format!("{NOBODY}:{NOBODY}")]);
        chown(root.join("data"), Some(NOBODY), Some(NOBODY)).unwrap();
        fs::copy(program(), root.join("asc-webhooks")).unwrap();
        fs::write(root.join("etc/hosts"), "127.0.0.1 localhost sink.test\n::1 localhost sink.test\n").unwrap();
        fs::write(root.join("etc/resolv.conf"), "nameserver 127.0.0.1\n").unwrap();
        let endpoint = format!("[[endpoint]]\nname = \"my-app\"\npath = \"{PATH}\"\nsecrets = [\"{SECRET}\"]\n{blocks}");
        fs::write(root.join("etc/asc-webhooks/config.toml"), endpoint).unwrap();
        image
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// Starts the container as it starts by itself, and waits until it is ready.
    fn run(&self) -> Container {
        let started = [words("ENTRYPOINT"), words("CMD")].concat();
        let container = Container(self.sandbox(&started).stderr(Stdio::inherit()).spawn().unwrap());
        eventually("the container is ready", Duration::from_secs(30), || {
            http::get(self.address, "/readyz").is_ok_and(|answer| answer.status() == 200)
        });
        container
    }

    /// Runs another command in the container, as `docker exec` would.
    fn command<W: AsRef<str>>(&self, program: &[W]) -> Output {
        self.sandbox(program).output().unwrap()
    }

    fn sandbox<W: AsRef<str>>(&self, program: &[W]) -> Command {
        let (root, data) = (self.root(), self.root().join("data"));
        let nobody = NOBODY.to_string();
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &nobody, "--regid", &nobody, "--clear-groups", "--no-new-privs", "bwrap"]);
        command.args(["--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--as-pid-1", "--die-with-parent"]);
        command.args(["--cap-drop", "ALL", "--clearenv"]);
        command.arg("--ro-bind").arg(root).arg("/").arg("--bind").arg(data).arg("/data");
        command.args(["--proc", "/proc", "--dev", "/dev", "--chdir", "/"]);
        for variable in words("ENV") {
            let (name, value) = variable.split_once('=').unwrap();
            command.args(["--setenv", name, value]);
        }
        // A container has a network of its own, and its ports another address outside. Here there is only one network.
        command.args(["--setenv", "ASC_WEBHOOKS__SERVER__LISTEN", &self.address.to_string()]);
        command.args(["--setenv", "ASC_WEBHOOKS__ADMIN__LISTEN", "127.0.0.1:0"]);
        command.arg("--").args(program.iter().map(AsRef::as_ref)).stdin(Stdio::null());
        command
    }
}

/// A running container. It is killed when it is dropped.
struct Container(Child);

impl Container {
    /// The number that its first process has outside.
    fn inside(&self) -> u32 {
        let mut pid = self.0.id();
        while let Some(child) = child_of(pid) {
            pid = child;
        }
        pid
    }

    /// Stops it as an engine does, with a signal to its first process.
    #[track_caller]
    fn stop(mut self) {
        let first = Pid::from_raw(self.inside().try_into().unwrap()).unwrap();
        kill_process(first, Signal::TERM).unwrap();
        eventually("the container has stopped", Duration::from_secs(10), || self.0.try_wait().unwrap().is_some());
        assert!(self.0.wait().unwrap().success(), "an orderly stop is no failure");
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[track_caller]
fn assert_works(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn child_of(pid: u32) -> Option<u32> {
    fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap().split_whitespace().next()?.parse().ok()
}

/// The program as it is built for the image: static, with all optimizations.
fn program() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "`tests/run` builds it and says where")]
    let path = std::env::var_os("ASC_WEBHOOKS_STATIC").expect("`tests/run` builds the static program that this looks at");
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The command by which an engine asks whether the container is well.
fn healthcheck() -> Vec<String> {
    words("HEALTHCHECK").into_iter().skip_while(|word| word != "CMD").skip(1).collect()
}

/// The words of an instruction in the last stage of the `Dockerfile`, without quotes and brackets.
fn words(instruction: &str) -> Vec<String> {
    let (_, stage) = DOCKERFILE.rsplit_once("\nFROM ").unwrap();
    let stage = stage.replace("\\\n", " ");
    let line = stage.lines().find_map(|line| line.strip_prefix(instruction)?.strip_prefix(' ')).unwrap();
    let words = line.split([' ', ',', '[', ']', '"']).filter(|word| !word.is_empty());
    words.map(String::from).collect()
}
