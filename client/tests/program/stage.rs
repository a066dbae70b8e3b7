//! A folder to run the program in.

use glarus::keys::SecretKey;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a run said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A folder, and what the program is told by its environment.
pub(crate) struct Stage {
    dir: tempfile::TempDir,
    pub(crate) url: Option<String>,
    /// Further environment variables.
    pub(crate) env: Vec<(&'static str, String)>,
    transcript: RefCell<String>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), url: None, env: Vec::new(), transcript: RefCell::default() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The files of a folder, sorted.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// A key that is the same in every run.
    pub(crate) fn key(&self, name: &str, seed: u8) -> SecretKey {
        let key = SecretKey::from_seed([seed; 32]);
        glarus::keys::write_pair(&self.path(name), &key).unwrap();
        key
    }

    /// Runs the program with words that have no spaces.
    pub(crate) fn run(&self, line: &str) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_glarus"));
        command.args(line.split_whitespace()).current_dir(self.dir.path());
        command.env_remove("GLARUS_LOG_URL").env("GLARUS_ORIGIN", crate::world::ORIGIN);
        command.env_remove("GLARUS_PIN").envs(self.env.iter().map(|(name, value)| (*name, value)));
        if let Some(url) = &self.url {
            command.env("GLARUS_LOG_URL", url);
        }
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Runs it, expects this exit code, and adds what it says to the transcript: standard error follows standard output.
    #[track_caller]
    pub(crate) fn show(&self, line: &str, code: i32) {
        let Said { code: have, out, err } = self.run(line);
        assert_eq!(have, code, "glarus {line}: {out}{err}");
        let code = if code == 0 { String::new() } else { format!("[exit code {code}]\n") };
        self.transcript.borrow_mut().push_str(&format!("$ glarus {line}\n{out}{err}{code}\n"));
    }

    /// Adds a remark to the transcript.
    pub(crate) fn remark(&self, text: &str) {
        self.transcript.borrow_mut().push_str(&format!("# {text}\n"));
    }

    /// Compares the transcript with the one in `transcripts/`; with GLARUS_WRITE set, writes that one.
    #[track_caller]
    pub(crate) fn pinned(&self, name: &str) {
        let path = format!("{}/tests/program/transcripts/{name}.txt", env!("CARGO_MANIFEST_DIR"));
        let transcript = self.transcript.borrow();
        if std::env::var_os("GLARUS_WRITE").is_some() {
            std::fs::write(&path, transcript.as_bytes()).unwrap();
        }
        let pinned = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(transcript.as_str(), pinned, "{path}");
    }

    /// Runs it, expects success, and returns what it said as JSON.
    #[track_caller]
    pub(crate) fn json(&self, line: &str) -> serde_json::Value {
        let Said { code, out, err } = self.run(line);
        assert_eq!(code, 0, "glarus {line}: {out}{err}");
        serde_json::from_str(&out).unwrap()
    }
}

/// The permissions of a file.
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}
