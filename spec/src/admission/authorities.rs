//! Authorities that were read from rows before.

use crate::authority::Authority;
use alloc::{sync::Arc, vec::Vec};
use hashbrown::HashMap;

/// Bytes of authorities, with their rows, that are kept; past this all are forgotten.
const MAX_BYTES: usize = 8 << 20;

/// What was read from rows of `namespaces`, for a store to keep beside them: reading one costs as much as two signatures.
#[derive(Clone, Debug, Default)]
pub struct Authorities {
    /// By namespace its row and what was read from it.
    read: HashMap<Vec<u8>, (Vec<u8>, Arc<Authority>)>,
    bytes: usize,
}

impl Authorities {
    /// The authority in a namespace's row, should the same row have been read before; for [`super::Rows::answer_authority`].
    pub fn get(&self, namespace: &[u8], row: &[u8]) -> Option<Arc<Authority>> {
        let (_, authority) = self.read.get(namespace).filter(|(known, _)| known == row)?;
        Some(Arc::clone(authority))
    }

    /// Keeps what was read from a namespace's row.
    pub fn put(&mut self, namespace: Vec<u8>, row: Vec<u8>, authority: Arc<Authority>) {
        if self.bytes > MAX_BYTES {
            *self = Self::default();
        }
        self.bytes = self.bytes.saturating_add(row.len()).saturating_add(authority.memory_bytes());
        self.read.insert(namespace, (row, authority));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::{Algorithm, Namespace, SecretKey};

    #[test]
    fn they_are_kept_up_to_a_limit() {
        let key = SecretKey::from_seed(Algorithm::MlDsa44, &[7; 32]).unwrap();
        let key = (key.public().keyid(), key.public().clone());
        let authority = Arc::new(Authority {
            log: "log".into(),
            namespace: Namespace::parse("pkg:generic/acme/").unwrap(),
            epoch: 0,
            previous: None,
            keys: [key].into(),
            roles: [].into(),
            distrust: Vec::new(),
            allow_git_commit: false,
        });
        assert!((5_000..8_000).contains(&authority.memory_bytes()), "{}", authority.memory_bytes());
        let (mut kept, row) = (Authorities::default(), alloc::vec![0; 10_000]);
        for number in 0..600_u16 {
            let namespace = number.to_be_bytes();
            kept.put(namespace.into(), row.clone(), Arc::clone(&authority));
            assert_eq!(kept.get(&namespace, &row).as_ref(), Some(&authority));
            assert_eq!(kept.get(&namespace, &row[1..]), None);
        }
        assert!((1..600).contains(&kept.read.len()), "{}", kept.read.len());
        assert_eq!(kept.get(&[0, 0], &row), None);
    }
}
