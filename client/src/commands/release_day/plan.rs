//! What a release is: its files, the builds that made them, their source, who must sign, which sequence is next.

use super::Progress;
use crate::cli::ReleaseArgs;
use crate::commands::record::{made, origin, product};
use crate::commands::{authority, block_on};
use anyhow::{Context as _, bail, ensure};
use glarus::keys::SecretKey;
use glarus::net::Log;
use glarus::provenance::{Chosen, Provenance, Signed};
use glarus::release;
use glarus::table::Table;
use glarus::ticket::{self, Ticket, TicketFile, TicketRecord, To};
use glarus::{dist, draft, files};
use spec::authority::{Authority, RoleName, Threshold};
use spec::record::manifest::{Manifest, ManifestFile};
use spec::record::{
    self, Build, Dependency, Digest, Kind, MAX_SUBJECTS, Predicate, Product, Record, Source, Statement, Subject, Update,
};
use spec::state::{self, ChannelValue};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A release that nobody signed yet.
pub(super) struct Plan {
    released: Released,
    update: Update,
    authority: Authority,
    records: Vec<Planned>,
}

/// The files of an update, and the manifest to be written, if that is it.
struct Released {
    files: Vec<TicketFile>,
    manifest: Option<String>,
}

/// A record to send.
struct Planned {
    record: Record,
    /// For messages.
    what: String,
    signing: Signing,
}

/// Who signs a record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Signing {
    /// The keys given.
    Ours,
    /// Whoever did: provenance, unless the keys given are to sign it too.
    Theirs { countersign: bool },
    /// It is on the log.
    Logged,
}

/// The source of a release.
struct Origin {
    /// What its archives are.
    record: Record,
    /// The archive that was named.
    sha256: Digest,
    /// Whether it has to be sent.
    send: bool,
}

/// Decides what is released; asks the log, and sends and signs nothing.
pub(super) fn decide(args: &ReleaseArgs, progress: &Progress) -> anyhow::Result<Plan> {
    let log = Asked { log: args.log.open()?, wait: args.log.wait(), product: product(&args.product)?, args };
    let origin = origin(&args.origin)?;
    let paths = Paths::of(args)?;
    let provenance = Provenance::read(&args.provenance)?;
    let authority = log.authority(&origin)?;
    let released = paths.hash(progress)?;
    let subjects: Vec<Subject> = released.files.iter().map(TicketFile::subject).collect();
    if let Some((record, update)) = log.released(&subjects)? {
        let what = "update on the log".into();
        let records = vec![Planned { record, what, signing: Signing::Logged }];
        return Ok(Plan { released, update, authority, records });
    }
    let source = log.source(&origin, progress)?;
    let chosen = provenance.choose(&subjects);
    let mut records = Vec::new();
    if let Some(source) = source.as_ref().filter(|source| source.send) {
        records.push(Planned { record: source.record.clone(), what: "source".into(), signing: Signing::Ours });
    }
    log.each_leads(&chosen, source.as_ref())?;
    let signing = Signing::Theirs { countersign: args.countersign };
    records.extend(chosen.builds.iter().map(|signed| {
        let what = format!("build in {}", signed.path.display());
        Planned { record: signed.record.clone(), what, signing }
    }));
    let mut builds = chosen.made.clone();
    let not_built = log.built(chosen.missing, &mut builds)?;
    if !not_built.is_empty() {
        let record = log.build(not_built, source.as_ref(), &provenance)?;
        builds.push(record.id);
        records.push(Planned { record, what: "build".into(), signing: Signing::Ours });
    }
    let update = log.update(origin, builds)?;
    let record = made(&Statement { subjects, predicate: Predicate::Update(update.clone()) })?;
    records.push(Planned { record, what: "update".into(), signing: Signing::Ours });
    Ok(Plan { released, update, authority, records })
}

/// What is named on the command line.
enum Paths {
    Each(Vec<PathBuf>),
    /// Files with their paths in the manifest, and where that goes.
    Listed(Vec<(String, PathBuf)>, PathBuf),
}

impl Paths {
    fn of(args: &ReleaseArgs) -> anyhow::Result<Self> {
        if let Some(path) = manifest_path(args)? {
            let listed = dist::tree(files::folder(&path), &path)?;
            return Ok(Self::Listed(listed, path));
        }
        let paths = dist::files_of(&args.dist)?;
        let have = paths.len();
        ensure!(
            have <= MAX_SUBJECTS,
            "{have} files, an update carries at most {MAX_SUBJECTS}: --manifest releases them as a whole"
        );
        Ok(Self::Each(paths))
    }

    fn hash(self, progress: &Progress) -> anyhow::Result<Released> {
        let (listed, path) = match self {
            Self::Each(paths) => return Ok(Released { files: progress.hash(&paths, "hashing")?, manifest: None }),
            Self::Listed(listed, path) => (listed, path),
        };
        let (names, paths): (Vec<String>, Vec<PathBuf>) = listed.into_iter().unzip();
        let hashed = progress.hash(&paths, "hashing")?;
        let lines = names.iter().zip(&hashed);
        let lines = lines.map(|(path, file)| ManifestFile { sha256: file.sha256, size_bytes: file.bytes, path });
        let text = Manifest::new(lines.collect())?.to_text();
        let (name, sha256, bytes) = (files::name(&path)?, Digest::of(text.as_bytes()), u64::try_from(text.len())?);
        Ok(Released { files: vec![TicketFile { path, name, sha256, bytes }], manifest: Some(text) })
    }
}

/// Where the manifest goes, if one is released: into the folder whose files it lists.
pub(super) fn manifest_path(args: &ReleaseArgs) -> anyhow::Result<Option<PathBuf>> {
    match args.dist.as_slice() {
        _ if !args.manifest => Ok(None),
        [folder] if folder.is_dir() => Ok(Some(folder.join(ticket::manifest(&args.product, &args.version)))),
        _ => bail!("--manifest lists the files of one folder; name that alone"),
    }
}

impl Plan {
    /// Signs it.
    pub(super) fn ticket(self, args: &ReleaseArgs, keys: &[SecretKey]) -> anyhow::Result<Ticket> {
        let authority = &self.authority;
        let signed = self.records.into_iter().map(|planned| planned.signed(authority, keys));
        let records = signed.collect::<anyhow::Result<Vec<_>>>()?;
        let text = |path: &Path| {
            let text = path.to_str().map(String::from);
            text.with_context(|| format!("{}: a path that is not UTF-8 cannot stand in a ticket", path.display()))
        };
        let Released { files, manifest } = self.released;
        for file in &files {
            text(&file.path)?;
        }
        let trust = args.trust.as_deref().map(text).transpose()?;
        let to = To { url: args.log.url()?, trust, journal: text(&args.journal)? };
        let mut folder = None;
        if let (Some(manifest), Some(file)) = (manifest, files.first()) {
            files::replace(&file.path, manifest.as_bytes(), 0o644)?;
            folder = Some(text(files::folder(&file.path))?);
        }
        Ok(Ticket::new(to, folder, files, records)?)
    }

    /// What would be signed and sent.
    pub(super) fn table(&self) -> Table {
        let files = self.released.files.iter().map(|file| {
            Table::new().text("path", file.path.display()).text("sha256", file.sha256).row("bytes", file.bytes)
        });
        let records = self.records.iter().map(|planned| {
            let how = match planned.signing {
                Signing::Ours => "signed with the keys of the role",
                Signing::Theirs { countersign: false } => "as it is",
                Signing::Theirs { countersign: true } => "as it is, or countersigned",
                Signing::Logged => "on the log already",
            };
            let table = Table::new().row("record", planned.what.as_str()).text("id", planned.record.id);
            table.row("signed", how)
        });
        let Update { product, version, channel, target, sequence, .. } = &self.update;
        Table::new()
            .row("release", "would be, nothing was signed or sent")
            .text("product", product)
            .row("version", version.as_str())
            .row("channel", channel.as_str())
            .row("target", Some(target.as_str()).filter(|target| !target.is_empty()))
            .row("sequence", *sequence)
            .row("files", files.collect::<Vec<_>>())
            .row("records", records.collect::<Vec<_>>())
    }
}

impl Planned {
    /// Signs it with the keys that have its role, and makes sure that the role's threshold is met.
    fn signed(mut self, authority: &Authority, keys: &[SecretKey]) -> anyhow::Result<TicketRecord> {
        let role = role(self.record.kind());
        if self.signing == Signing::Ours {
            self.sign(authority, role, keys)?;
        }
        let mut met = met(authority, role, &self.record);
        if met.is_err() && self.signing == (Signing::Theirs { countersign: true }) {
            self.sign(authority, role, keys)?;
            met = self::met(authority, role, &self.record);
        }
        if let Err(Threshold { have, need }) = met
            && self.signing != Signing::Logged
        {
            let Authority { namespace, epoch, .. } = authority;
            let hint = match self.signing {
                Signing::Theirs { countersign: false } => "--countersign adds those of your keys, and vouches for it",
                _ => "--key FILE, of a key that has the role",
            };
            let what = &self.what;
            bail!(
                "the {what} has {have} signatures of the role {role} in {namespace}, epoch {epoch}, and needs {need}: {hint}"
            );
        }
        Ok(TicketRecord::new(&self.record).map_err(release::ReleaseError::Statement)?)
    }

    fn sign(&mut self, authority: &Authority, role: RoleName, keys: &[SecretKey]) -> anyhow::Result<()> {
        let has_role = |key: &&SecretKey| authority.role(role).is_some_and(|role| role.keyids.contains(&key.keyid()));
        for key in keys.iter().filter(has_role) {
            draft::sign(&mut self.record, key)?;
        }
        Ok(())
    }
}

fn role(kind: Kind) -> RoleName {
    match kind {
        Kind::Source => RoleName::Source,
        Kind::Build => RoleName::Build,
        _ => RoleName::Update,
    }
}

/// Whether a record that is still to be logged is signed by enough keys of a role.
fn met(authority: &Authority, role: RoleName, record: &Record) -> Result<(), Threshold> {
    let signers = authority.signers(role, &record::pae(&record.payload), &record.signatures, &|_, _| None);
    // Whoever is distrusted from some entry on is so at every later one.
    authority.meets(role, &signers, u64::MAX)
}

/// What is asked of the log.
struct Asked<'a> {
    log: Log,
    wait: Duration,
    product: Product,
    args: &'a ReleaseArgs,
}

impl Asked<'_> {
    /// The authority in force of the product's namespace.
    fn authority(&self, origin: &str) -> anyhow::Result<Authority> {
        for namespace in self.product.prefixes() {
            let Some(in_force) = authority::from_log(&state::authority_key(namespace), &self.args.log)? else {
                continue;
            };
            let authority = in_force.authority().cloned();
            let authority =
                authority.with_context(|| format!("the log's authority of {namespace} is another record"))?;
            let have = &authority.log;
            ensure!(have == origin, "the log is {have}, asked for is {origin}; are URL and origin those of one log?");
            return Ok(authority);
        }
        bail!(
            "nobody may log updates of {}: no authority of a namespace around it is in force: glarus authority propose",
            self.product
        )
    }

    /// The update with these very files, if it is the newest of them in this channel already: whoever lost a ticket releases
    /// nothing twice.
    fn released(&self, subjects: &[Subject]) -> anyhow::Result<Option<(Record, Update)>> {
        let Some(first) = subjects.first() else { return Ok(None) };
        let (log, args) = (&self.log, self.args);
        let carrying = block_on(async { Ok(log.updates(&first.sha256, self.product.as_str(), self.wait).await?) })?;
        let fits = |one: &&spec::api::Carrying| one.live && one.channel == args.channel && one.target == args.target;
        let Some(newest) = carrying.0.iter().filter(fits).max_by_key(|one| one.sequence) else { return Ok(None) };
        let record = block_on(async { Ok(log.record(&newest.id, self.wait).await?) })?;
        let Predicate::Update(update) = record.statement.predicate.clone() else {
            bail!("the log named entry {} as an update, which is none", newest.index)
        };
        let same = |other: &Subject| subjects.iter().any(|one| one.name == other.name && one.sha256 == other.sha256);
        let same_files =
            record.statement.subjects.len() == subjects.len() && record.statement.subjects.iter().all(same);
        let same_number = args.sequence.is_none_or(|sequence| sequence == update.sequence);
        Ok((same_files && same_number && update.version == args.version).then_some((record, update)))
    }

    /// The source that is named: on the log, or to be sent.
    fn source(&self, origin: &str, progress: &Progress) -> anyhow::Result<Option<Origin>> {
        let Some(argument) = &self.args.source else { return Ok(None) };
        if let Some(sha256) = Digest::parse(argument) {
            let found = self.source_on_log(&sha256)?;
            let product = &self.product;
            let found =
                found.with_context(|| format!("no source of {product} with the sha256 {sha256} is on the log"))?;
            return Ok(Some(Origin { record: found, sha256, send: false }));
        }
        let archive = PathBuf::from(argument.strip_suffix(".source.json").unwrap_or(argument));
        let path = release::record_path(&archive, Kind::Source);
        if let Some(kept) = release::read_if_there(&path)? {
            let sha256 = release::source_dependency(argument)?.sha256.context("a source without a digest")?;
            self.is_of_product(&path, &kept.record)?;
            return Ok(Some(Origin { record: kept.record, sha256, send: true }));
        }
        let hashed = progress.hash(std::slice::from_ref(&archive), "source")?;
        let file = hashed.into_iter().next().context("no source")?;
        if let Some(record) = self.source_on_log(&file.sha256)? {
            return Ok(Some(Origin { record, sha256: file.sha256, send: false }));
        }
        let mut subject = file.subject();
        subject.digests.extend(self.args.git_commit.iter().map(|commit| ("gitCommit".into(), commit.clone())));
        let source = Source {
            log: origin.into(),
            products: vec![self.product.clone()],
            version: self.args.version.clone(),
            held_at: self.args.held_at.clone(),
        };
        let record = made(&Statement { subjects: vec![subject], predicate: Predicate::Source(source) })?;
        Ok(Some(Origin { record, sha256: file.sha256, send: true }))
    }

    fn source_on_log(&self, sha256: &Digest) -> anyhow::Result<Option<Record>> {
        block_on(async {
            let id = self.log.leading(Kind::Source, sha256, self.product.as_str(), self.wait).await?;
            let Some(id) = id else { return Ok(None) };
            Ok(Some(self.log.record(&id, self.wait).await?))
        })
    }

    fn is_of_product(&self, path: &Path, record: &Record) -> anyhow::Result<()> {
        release::is_kind(path, record, Kind::Source)?;
        if let Predicate::Source(source) = &record.statement.predicate {
            let lists = source.products.contains(&self.product);
            ensure!(lists, "{}: is no source of {}, its products are others", path.display(), self.product);
        }
        Ok(())
    }

    /// Refuses a build of provenance that leads to no source that is known, before anything is sent.
    fn each_leads(&self, chosen: &Chosen<'_>, source: Option<&Origin>) -> anyhow::Result<()> {
        for signed in &chosen.builds {
            let Predicate::Build(build) = &signed.record.statement.predicate else { continue };
            let leads = |dependency: &Dependency| {
                source.is_some_and(|source| source.is(dependency)) || is_made_by(&chosen.builds, dependency)
            };
            if build.dependencies.iter().any(leads) || self.on_log(&build.dependencies)? {
                continue;
            }
            let inputs: Vec<String> = build.dependencies.iter().map(shown).collect();
            let (path, product) = (signed.path.display(), &self.product);
            let inputs = if inputs.is_empty() { "nothing".into() } else { inputs.join(", ") };
            bail!(
                "{path}: this build leads to no source of {product} that is named or on the log: --source; it was made of {inputs}"
            );
        }
        Ok(())
    }

    /// Whether one of these is a source or an artifact on the log that leads to the product.
    fn on_log(&self, dependencies: &[Dependency]) -> anyhow::Result<bool> {
        let digests = dependencies.iter().filter_map(|dependency| dependency.sha256);
        block_on(async {
            for sha256 in digests {
                for kind in [Kind::Source, Kind::Build] {
                    if self.log.leading(kind, &sha256, self.product.as_str(), self.wait).await?.is_some() {
                        return Ok(true);
                    }
                }
            }
            // A git commit is looked for by the log alone.
            Ok(dependencies.iter().any(|dependency| dependency.git_commit.is_some()))
        })
    }

    /// Finds builds on the log for files that no provenance has; what is left nobody built.
    fn built(&self, files: Vec<Subject>, builds: &mut Vec<Digest>) -> anyhow::Result<Vec<Subject>> {
        let mut left = Vec::new();
        for file in files {
            let asked = self.log.leading(Kind::Build, &file.sha256, self.product.as_str(), self.wait);
            match block_on(async { Ok(asked.await?) })? {
                Some(id) if builds.contains(&id) => {}
                Some(id) => builds.push(id),
                None => left.push(file),
            }
        }
        Ok(left)
    }

    /// The build of what nobody has built, as the arguments say that it was.
    fn build(&self, files: Vec<Subject>, source: Option<&Origin>, from: &Provenance) -> anyhow::Result<Record> {
        let args = self.args;
        let (Some(source), Some(builder), Some(build_type)) = (source, &args.builder, &args.build_type) else {
            let mut names =
                files.iter().map(|file| format!("{} ({})", file.name, file.sha256)).collect::<Vec<_>>().join(", ");
            names.extend(from.unread.iter().map(|(path, why)| format!("; {} is no record: {why}", path.display())));
            bail!(
                "no build made {names}; give its --provenance, or --source, --builder and --build-type to say how it was made"
            )
        };
        let of_source = Dependency { uri: None, sha256: Some(source.sha256), git_commit: None };
        let others = args.dependencies.iter().map(|dependency| release::named_dependency(dependency));
        let dependencies = [Ok(of_source)].into_iter().chain(others).collect::<Result<_, _>>()?;
        let predicate =
            Predicate::Build(Build { build_type: build_type.clone(), builder: builder.clone(), dependencies });
        made(&Statement { subjects: files, predicate })
    }

    fn update(&self, log: String, builds: Vec<Digest>) -> anyhow::Result<Update> {
        let args = self.args;
        let sequence = match args.sequence {
            Some(sequence) => sequence,
            None => self.next_sequence()?,
        };
        Ok(Update {
            log,
            product: self.product.clone(),
            version: args.version.clone(),
            channel: args.channel.clone(),
            target: args.target.clone(),
            sequence,
            builds,
        })
    }

    fn next_sequence(&self) -> anyhow::Result<u64> {
        let key = state::channel_key(self.product.as_str(), &self.args.channel);
        let Some(value) = block_on(async { Ok(self.log.state(&key, self.wait).await?) })? else { return Ok(1) };
        let value = ChannelValue::parse(&value).with_context(|| format!("{key}: the log says {value:?}"))?;
        value.sequence.checked_add(1).context("the channel has no sequence left")
    }
}

impl Origin {
    fn is(&self, dependency: &Dependency) -> bool {
        let is = |subject: &Subject| {
            let commit = |(algorithm, value): &(String, String)| {
                algorithm == "gitCommit" && dependency.git_commit.as_ref() == Some(value)
            };
            dependency.sha256 == Some(subject.sha256) || subject.digests.iter().any(commit)
        };
        self.record.statement.subjects.iter().any(is)
    }
}

fn is_made_by(builds: &[&Signed], dependency: &Dependency) -> bool {
    let made = |signed: &&Signed, sha256: &Digest| release::carries(&signed.record.statement.subjects, sha256);
    dependency.sha256.is_some_and(|sha256| builds.iter().any(|signed| made(signed, &sha256)))
}

/// A dependency, as far as it says what it is.
fn shown(dependency: &Dependency) -> String {
    let digest = dependency.sha256.map(|sha256| sha256.to_string());
    let commit = dependency.git_commit.as_ref().map(|commit| format!("git commit {commit}"));
    let parts: Vec<String> = [dependency.uri.clone(), digest, commit].into_iter().flatten().collect();
    if parts.is_empty() { "something without name".into() } else { parts.join(" ") }
}
