//! `glarus key`.

use super::{Outcome, open_key, say};
use crate::cli::KeyCommand;
use anyhow::Context as _;
use glarus::files;
use glarus::keys::{self, KeyFileError, KeyFormError, SecretKey, uri};
use glarus::table::Table;
use spec::authority::{Algorithm, PublicKey};
use std::path::Path;

pub(crate) fn run(command: KeyCommand) -> anyhow::Result<Outcome> {
    match command {
        KeyCommand::New { file, algorithm, output } => {
            let folder = file.parent().unwrap_or(Path::new(""));
            std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
            let key = random(algorithm.into())?;
            keys::write_pair(&file, &key)?;
            let table =
                about(key.public()).text("secret", file.display()).text("public", keys::public_path(&file).display());
            say(output, &table);
        }
        KeyCommand::Show { key, out, output } => {
            let public = public_half(&key)?;
            let mut table = about(&public);
            if let Some(out) = out {
                files::create_new(&out, keys::public_to_pem(&public)?.as_bytes(), 0o644)?;
                table = table.text("public", out.display());
            }
            say(output, &table);
        }
    }
    Ok(Outcome::Done)
}

fn random(algorithm: Algorithm) -> Result<SecretKey, KeyFormError> {
    loop {
        match SecretKey::from_random(algorithm, glarus_shell::keys::random_seed()) {
            Err(KeyFormError::Random(_)) => {}
            made => return made,
        }
    }
}

fn about(key: &PublicKey) -> Table {
    Table::new().text("keyid", key.keyid()).text("algorithm", key.algorithm)
}

fn public_half(argument: &str) -> anyhow::Result<PublicKey> {
    if uri::is_uri(argument) {
        return Ok(open_key(argument)?.public().clone());
    }
    let file = Path::new(argument);
    match keys::read_public(file) {
        Err(KeyFileError::Form { cause: KeyFormError::Label { .. }, .. }) => {
            Ok(keys::read_secret(file)?.public().clone())
        }
        other => Ok(other?),
    }
}
