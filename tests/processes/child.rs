//! Starting this program in a role, and talking with it by lines.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child as Process, ChildStdin, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::Role;

const ROLE: &str = "ANYORM_PROCESSES_ROLE";
/// A net for tests that hang: far longer than anything takes.
const SOON: Duration = Duration::from_secs(120);

/// Plays a role, if this program was started for one.
pub(crate) fn play(roles: &[Role]) -> Option<ExitCode> {
    let wanted = std::env::var(ROLE).ok()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (_, role) =
        roles.iter().find(|(name, _)| *name == wanted).expect("a test names a role that there is");
    Some(match role(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            crate::say(&format!("error {why}"));
            ExitCode::FAILURE
        }
    })
}

/// A process of this program. Killed when it is dropped.
pub(crate) struct Child {
    process: Process,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Child {
    pub(crate) fn start(role: &str, arguments: &[&str]) -> Self {
        let program = std::env::current_exe().expect("this program knows where it is");
        Self::run(Command::new(program).args(arguments), role)
    }

    /// Runs a command that becomes this program, under another user or a limit, say: `"$@"` in a shell.
    pub(crate) fn start_by(words: &[&str], role: &str, arguments: &[&str]) -> Self {
        let program = std::env::current_exe().expect("this program knows where it is");
        Self::run(Command::new(words[0]).args(&words[1..]).arg(program).args(arguments), role)
    }

    fn run(command: &mut Command, role: &str) -> Self {
        let command = command.env(ROLE, role).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("this program starts again");
        let output = BufReader::new(process.stdout.take().expect("it is piped"));
        let (send, lines) = channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Self { input: process.stdin.take(), process, lines }
    }

    /// The next line that the child says, or nothing if it has ended.
    pub(crate) fn line(&self) -> Option<String> {
        match self.lines.recv_timeout(SOON) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("a child says nothing for {SOON:?}"),
        }
    }

    /// The next line, which must be this one.
    #[track_caller]
    pub(crate) fn says(&self, expected: &str) {
        assert_eq!(self.line().as_deref(), Some(expected));
    }

    /// Lets a child that [waits](wait_for_a_line) go on.
    pub(crate) fn tell(&mut self) {
        let input = self.input.as_mut().expect("it is piped");
        writeln!(input, "go on").and_then(|()| input.flush()).expect("the child listens");
    }

    /// All further lines, until the child ends by itself.
    ///
    /// # Panics
    /// If it ends with an error.
    #[track_caller]
    pub(crate) fn end(mut self) -> Vec<String> {
        self.input = None;
        let lines: Vec<String> = std::iter::from_fn(|| self.line()).collect();
        let status = self.process.wait().expect("it ends");
        assert!(status.success(), "a child failed: {lines:#?}");
        lines
    }

    /// Kills the child (SIGKILL). Answers what it had said before, and nobody had read.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.process.kill().expect("it can be killed");
        self.process.wait().expect("it ends");
        std::iter::from_fn(|| self.line()).collect()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It has ended already, as a rule.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// In a child: waits until the test [says so](Child::tell), or is gone.
pub(crate) fn wait_for_a_line() {
    let _ = std::io::stdin().lock().read_line(&mut String::new());
}

/// A directory that goes with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("anyorm-processes-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a directory is made");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("test.db")
    }

    pub(crate) fn url(&self, options: &str) -> String {
        format!("sqlite://{}{options}", self.file().display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
