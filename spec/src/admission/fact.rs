//! What a judge needs to know of a record that is in the log.

use super::rows::{Track, kind_byte};
use crate::record::{Digest, Kind, Product};
use alloc::collections::BTreeMap;
use alloc::{string::String, vec, vec::Vec};

/// That a build counts for a namespace, and which of its products it leads to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counts {
    /// The namespace.
    pub namespace: String,
    /// Its products whose source the build leads to, each with the fewest steps there, 1 to 8.
    pub products: BTreeMap<Product, u8>,
}

/// What a judge needs of a record, complete in itself: no further row has to be read to use it.
///
/// Shapes: a byte for the kind, as in a row of `digests`, then lists, each behind its length in 4 bytes, texts behind theirs in 2, all big-endian.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fact {
    /// An authority; what it says is in its namespace's row.
    Authority,
    /// A source.
    Source {
        /// The namespace of its products.
        namespace: String,
        /// The products whose source it is.
        products: Vec<Product>,
        /// SHA-256 of its archives.
        archives: Vec<Digest>,
    },
    /// A build.
    Build {
        /// The namespaces that it counts for.
        counts: Vec<Counts>,
        /// SHA-256 of what it made.
        artifacts: Vec<Digest>,
    },
    /// A rebuild.
    Rebuild {
        /// When it was made. Units: Unix seconds.
        time: u64,
    },
    /// An update.
    Update {
        /// What it follows others in.
        track: Track,
        /// Its number in the channel.
        sequence: u64,
        /// SHA-256 of its files.
        files: Vec<Digest>,
    },
    /// A withdrawal; what it says is in the rows of the updates and files that it names.
    Withdrawal,
    /// A review.
    Review {
        /// When it was made. Units: Unix seconds.
        time: u64,
    },
    /// A policy; which one is in force is in the state.
    Policy,
    /// An access.
    Access,
}

impl Fact {
    /// The kind of the record.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Authority => Kind::Authority,
            Self::Source { .. } => Kind::Source,
            Self::Build { .. } => Kind::Build,
            Self::Rebuild { .. } => Kind::Rebuild,
            Self::Update { .. } => Kind::Update,
            Self::Withdrawal => Kind::Withdrawal,
            Self::Review { .. } => Kind::Review,
            Self::Policy => Kind::Policy,
            Self::Access => Kind::Access,
        }
    }

    /// Whether it is a source of the product, or a build that leads to one in the namespace.
    pub fn leads_to(&self, namespace: &str, product: &Product) -> bool {
        match self {
            Self::Source { products, .. } => products.contains(product),
            Self::Build { counts, .. } => {
                counts.iter().any(|counts| counts.namespace == namespace && counts.products.contains_key(product))
            }
            _ => false,
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = vec![kind_byte(self.kind())];
        match self {
            Self::Authority | Self::Withdrawal | Self::Policy | Self::Access => {}
            Self::Source { namespace, products, archives } => {
                put_text(&mut out, namespace);
                put_count(&mut out, products.len());
                products.iter().for_each(|product| put_text(&mut out, product.as_str()));
                put_digests(&mut out, archives);
            }
            Self::Build { counts, artifacts } => {
                put_count(&mut out, counts.len());
                for Counts { namespace, products } in counts {
                    put_text(&mut out, namespace);
                    put_count(&mut out, products.len());
                    for (product, steps) in products {
                        put_text(&mut out, product.as_str());
                        out.push(*steps);
                    }
                }
                put_digests(&mut out, artifacts);
            }
            Self::Rebuild { time } | Self::Review { time } => out.extend(time.to_be_bytes()),
            Self::Update { track: Track { product, channel, target }, sequence, files } => {
                [product.as_str(), channel, target].iter().for_each(|text| put_text(&mut out, text));
                out.extend(sequence.to_be_bytes());
                put_digests(&mut out, files);
            }
        }
        out
    }

    /// Reads a row of `facts`; `None` if it is not one.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut input = bytes;
        let [byte] = take(&mut input)?;
        let fact = match Kind::ALL.into_iter().find(|kind| kind_byte(*kind) == byte)? {
            Kind::Authority => Self::Authority,
            Kind::Source => Self::Source {
                namespace: take_text(&mut input)?,
                products: take_list(&mut input, take_product)?,
                archives: take_digests(&mut input)?,
            },
            Kind::Build => {
                Self::Build { counts: take_list(&mut input, take_counts)?, artifacts: take_digests(&mut input)? }
            }
            Kind::Rebuild => Self::Rebuild { time: take(&mut input).map(u64::from_be_bytes)? },
            Kind::Update => Self::Update {
                track: take_track(&mut input)?,
                sequence: take(&mut input).map(u64::from_be_bytes)?,
                files: take_digests(&mut input)?,
            },
            Kind::Withdrawal => Self::Withdrawal,
            Kind::Review => Self::Review { time: take(&mut input).map(u64::from_be_bytes)? },
            Kind::Policy => Self::Policy,
            Kind::Access => Self::Access,
        };
        input.is_empty().then_some(fact)
    }
}

fn put_digests(out: &mut Vec<u8>, digests: &[Digest]) {
    put_count(out, digests.len());
    digests.iter().for_each(|digest| out.extend_from_slice(&digest.0));
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend(u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn take<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = input.split_first_chunk()?;
    *input = rest;
    Some(*taken)
}

fn take_text(input: &mut &[u8]) -> Option<String> {
    let length = usize::from(u16::from_be_bytes(take(input)?));
    let (text, rest) = input.split_at_checked(length)?;
    *input = rest;
    String::from_utf8(text.to_vec()).ok()
}

fn take_list<T>(input: &mut &[u8], mut item: impl FnMut(&mut &[u8]) -> Option<T>) -> Option<Vec<T>> {
    let count = u32::from_be_bytes(take(input)?);
    let mut list = vec![];
    for _ in 0..count {
        list.push(item(input)?);
    }
    Some(list)
}

fn take_product(input: &mut &[u8]) -> Option<Product> {
    Product::parse(&take_text(input)?).ok()
}

fn take_counts(input: &mut &[u8]) -> Option<Counts> {
    let namespace = take_text(input)?;
    let products = take_list(input, |input| Some((take_product(input)?, take::<1>(input)?.first().copied()?)))?;
    Some(Counts { namespace, products: products.into_iter().collect() })
}

fn take_digests(input: &mut &[u8]) -> Option<Vec<Digest>> {
    take_list(input, |input| take(input).map(Digest))
}

fn take_track(input: &mut &[u8]) -> Option<Track> {
    Some(Track { product: take_product(input)?, channel: take_text(input)?, target: take_text(input)? })
}
