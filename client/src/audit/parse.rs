//! The parsers of an audit: bundles become records whose signatures are verified.
//!
//! A bundle is parsed by a thread of the runtime, or by the judge's own while it waits for the next one: with a thread for each
//! core, the judge's among them, few of them are ever without work, and the judge keeps its core while it judges.

use super::AuditError;
use bytes::Bytes;
use spec::admission::replay::{Entry, Inadmissible, What};
use spec::admission::signatures::{Checked, check_named};
use spec::authority::{Authority, PublicKey};
use spec::entry_bundle;
use spec::record::{Digest, Predicate};
use spec::tile::Edge;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

/// Bytes of keys that are kept in memory; past this all are forgotten, and verified with where they are needed.
const MAX_KEY_BYTES: usize = 8 << 20;
/// Signatures of a key before it is prepared for more, which costs what it saves in as many.
const PREPARED_AFTER: usize = 128;
/// Keys that are prepared, of 30 KiB each; those that come later cost more to verify with.
const MAX_PREPARED: usize = 256;

/// The public keys of all authority records seen, by keyid: enough to verify a signature before it is known whether the key may
/// sign.
#[derive(Clone, Default)]
pub(super) struct Keyring(Arc<RwLock<Keys>>);

#[derive(Default)]
struct Keys {
    known: HashMap<Digest, Known>,
    /// Bytes of what is known, tables aside.
    bytes: usize,
    prepared: usize,
}

struct Known {
    key: PublicKey,
    /// How often it was asked for.
    uses: AtomicUsize,
}

impl Keyring {
    fn get(&self, keyid: &Digest) -> Option<PublicKey> {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let Known { key, uses } = keys.known.get(keyid)?;
        let (key, used) = (key.clone(), uses.fetch_add(1, Ordering::Relaxed));
        // One thread alone prepares it; until it has, the others take it as it is.
        if used != PREPARED_AFTER || keys.prepared >= MAX_PREPARED || !key.can_be_prepared() {
            return Some(key);
        }
        drop(keys);
        let key = key.prepared();
        let mut keys = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = keys.known.get_mut(keyid) {
            known.key = key.clone();
            keys.prepared += 1;
        }
        Some(key)
    }

    pub(super) fn learn(&self, authority: &Authority) {
        let mut keys = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if keys.bytes > MAX_KEY_BYTES {
            *keys = Keys::default();
        }
        for (keyid, key) in &authority.keys {
            if !keys.known.contains_key(keyid) {
                keys.bytes += key.memory_bytes();
                keys.known.insert(*keyid, Known { key: key.clone(), uses: AtomicUsize::default() });
            }
        }
    }
}

/// A bundle, or a part of one, that is part of the tree.
pub(super) struct Unparsed {
    pub(super) bytes: Bytes,
    /// The tree after it.
    pub(super) edge: Edge,
    /// Room for its bytes, given back when it is dropped.
    pub(super) _room: OwnedSemaphorePermit,
}

/// A bundle that is parsed, or will be.
type Parsing = oneshot::Receiver<Piece>;

/// One that waits, and where it goes.
type Waiting = (Unparsed, oneshot::Sender<Piece>);

/// Bundles that wait to be parsed, in order; whoever has nothing better to do takes the first.
#[derive(Clone, Default)]
struct Parsers {
    waiting: Arc<Mutex<VecDeque<Waiting>>>,
    keyring: Keyring,
}

impl Parsers {
    fn push(&self, bundle: Unparsed) -> Parsing {
        let (parsed, parsing) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back((bundle, parsed));
        parsing
    }

    /// Parses the first bundle that waits; `false` if none does.
    fn parse_one(&self) -> bool {
        let first = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some((bundle, parsed)) = first else { return false };
        // Once the judge has ended, nobody waits for it.
        let _ = parsed.send(Piece::parse(bundle, &self.keyring));
        true
    }
}

/// Where bundles are put in, in order.
pub(super) struct Feed {
    parsers: Parsers,
    pieces: mpsc::Sender<Parsing>,
}

/// Where they come out, in the same order.
pub(super) struct Parsed {
    parsers: Parsers,
    pieces: mpsc::Receiver<Parsing>,
    front: Option<Parsing>,
}

/// The judge has ended and will say why.
pub(super) struct JudgeEnded;

/// Parsers of which at most `ahead` bundles are taken out later than they are put in.
pub(super) fn parsers(ahead: usize) -> (Feed, Parsed) {
    let (parsers, (sender, receiver)) = (Parsers::default(), mpsc::channel(ahead));
    let parsed = Parsed { parsers: parsers.clone(), pieces: receiver, front: None };
    (Feed { parsers, pieces: sender }, parsed)
}

impl Feed {
    /// Has a bundle parsed on whichever thread is free; waits while too many are.
    pub(super) async fn push(&self, bundle: Unparsed) -> Result<(), JudgeEnded> {
        self.put(self.pieces.reserve().await.map_err(|_| JudgeEnded)?, bundle)
    }

    fn put(&self, place: mpsc::Permit<'_, Parsing>, bundle: Unparsed) -> Result<(), JudgeEnded> {
        place.send(self.parsers.push(bundle));
        // If the judge ended meanwhile, nobody takes the bundle out, and the next one may wait for its room.
        if self.pieces.is_closed() {
            return Err(JudgeEnded);
        }
        let parsers = self.parsers.clone();
        tokio::spawn(async move { parsers.parse_one() });
        Ok(())
    }
}

impl Parsed {
    /// The keys that were seen while parsing.
    pub(super) fn keyring(&self) -> Keyring {
        self.parsers.keyring.clone()
    }

    /// The next bundle, should it be parsed already.
    pub(super) fn ready(&mut self) -> Result<Option<Piece>, AuditError> {
        if self.front.is_none() {
            self.front = self.pieces.try_recv().ok();
        }
        match self.front.as_mut().map(Parsing::try_recv) {
            None | Some(Err(TryRecvError::Empty)) => Ok(None),
            Some(Err(TryRecvError::Closed)) => Err(AuditError::Parser),
            Some(Ok(piece)) => {
                self.front = None;
                Ok(Some(piece))
            }
        }
    }

    /// The next bundle, `None` after the last. Until it is parsed, this thread parses too.
    pub(super) fn next(&mut self) -> Result<Option<Piece>, AuditError> {
        loop {
            if let Some(piece) = self.ready()? {
                return Ok(Some(piece));
            }
            if self.parsers.parse_one() {
                continue;
            }
            match self.front.take() {
                Some(front) => return front.blocking_recv().map(Some).map_err(|_| AuditError::Parser),
                None => match self.pieces.blocking_recv() {
                    Some(front) => self.front = Some(front),
                    None => return Ok(None),
                },
            }
        }
    }
}

/// A bundle whose entries are read, and their signatures verified.
pub(super) struct Piece {
    pub(super) bundle: Unparsed,
    /// The entries up to the first that is none.
    parsed: Vec<(What, Checked)>,
    /// Why the next one is none.
    pub(super) malformed: Option<Inadmissible>,
}

impl Piece {
    fn parse(bundle: Unparsed, keyring: &Keyring) -> Self {
        let entries = entry_bundle::parse(&bundle.bytes).unwrap_or_default().into_iter();
        let (mut parsed, mut malformed) = (Vec::new(), None);
        for what in entries.map(What::parse) {
            match what {
                Ok(what) => parsed.push((what, Checked::default())),
                Err(why) => {
                    malformed = Some(why);
                    break;
                }
            }
        }
        check(&mut parsed, keyring);
        Self { bundle, parsed, malformed }
    }

    pub(super) fn entries(&self) -> Vec<Entry<'_>> {
        let bytes = entry_bundle::parse(&self.bundle.bytes).unwrap_or_default();
        let entries = bytes.into_iter().zip(&self.parsed);
        entries.map(|(bytes, (what, checked))| Entry { bytes, what, checked }).collect()
    }
}

/// Verifies the signatures of the records.
fn check(parsed: &mut [(What, Checked)], keyring: &Keyring) {
    let mut records: Vec<_> = Vec::new();
    let mut places = Vec::new();
    for (what, checked) in parsed {
        let What::Record(record) = what else { continue };
        if let Predicate::Authority(authority) = &record.statement.predicate {
            keyring.learn(authority);
        }
        records.push(&**record);
        places.push(checked);
    }
    for (place, checked) in places.into_iter().zip(check_named(records, |keyid| keyring.get(keyid))) {
        *place = checked;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spec::authority::{Algorithm, SecretKey};
    use tokio::sync::Semaphore;

    async fn bundle(number: u8) -> Unparsed {
        let room = Arc::new(Semaphore::new(1)).acquire_owned().await.unwrap();
        Unparsed { bytes: vec![number].into(), edge: Edge::default(), _room: room }
    }

    #[test]
    fn keys_that_sign_much_are_prepared_once_up_to_a_limit() {
        let (keyring, count) = (Keyring::default(), MAX_PREPARED + 1);
        let keys: Vec<_> = (0..count)
            .map(|number| {
                let seed: [u8; 32] = Digest::of(&number.to_be_bytes()).0;
                SecretKey::from_seed(Algorithm::Ed25519, &seed).unwrap()
            })
            .collect();
        let prepared = || keyring.0.read().unwrap().prepared;
        for (number, key) in keys.iter().enumerate() {
            let (keyid, public) = (key.public().keyid(), key.public().clone());
            let known = Known { key: public, uses: AtomicUsize::new(PREPARED_AFTER - 1) };
            keyring.0.write().unwrap().known.insert(keyid, known);
            for now in [number, number + 1, number + 1] {
                assert!(keyring.get(&keyid).unwrap().verify(b"message", &key.sign(b"message", &[0; 32])));
                assert_eq!(prepared(), now.min(MAX_PREPARED));
            }
            assert_eq!(keyring.get(&keyid).unwrap().can_be_prepared(), number >= MAX_PREPARED);
        }
        let large = SecretKey::from_seed(Algorithm::MlDsa44, &[7; 32]).unwrap();
        assert!(!large.public().can_be_prepared());
        assert_eq!(keyring.get(&Digest::of(b"another")), None);
    }

    #[test]
    fn bundles_come_out_in_order_even_if_no_other_thread_parses() {
        let (feed, mut parsed) = parsers(3);
        // A runtime of this thread alone: what it spawns does not run outside of `block_on`.
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            for number in 0..3 {
                assert!(feed.push(bundle(number).await).await.is_ok());
            }
        });
        for number in 0..3 {
            assert_eq!(parsed.next().unwrap().unwrap().bundle.bytes, [number].as_slice());
        }
        assert!(parsed.ready().unwrap().is_none());
        drop(feed);
        assert!(parsed.next().unwrap().is_none());
    }

    #[test]
    fn others_parse_while_the_judge_judges() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (feed, mut parsed) = parsers(2);
            for number in 0..2 {
                assert!(feed.push(bundle(number).await).await.is_ok());
            }
            // One pass over what was spawned.
            for _ in 0..2 {
                tokio::task::yield_now().await;
            }
            for number in 0..2 {
                assert_eq!(parsed.ready().unwrap().unwrap().bundle.bytes, [number].as_slice());
            }
        });
    }

    #[tokio::test]
    async fn nothing_is_taken_as_the_judge_ends() {
        let (feed, parsed) = parsers(1);
        let place = feed.pieces.reserve().await.unwrap();
        drop(parsed);
        assert!(feed.put(place, bundle(0).await).is_err());
    }

    #[test]
    fn nothing_is_taken_once_the_judge_has_ended() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (feed, parsed) = parsers(1);
            assert!(feed.push(bundle(0).await).await.is_ok());
            drop(parsed);
            assert!(feed.push(bundle(1).await).await.is_err());
        });
    }
}
