//! What a judge needs to know of a record that is in the log.

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
/// Shapes: a byte for the kind, then lists, each behind its length in 4 bytes, texts behind theirs in 2, all big-endian.
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
    },
    /// A build.
    Build {
        /// The namespaces that it counts for.
        counts: Vec<Counts>,
        /// SHA-256 of what it made.
        artifacts: Vec<Digest>,
    },
    /// An update.
    Update,
}

impl Fact {
    /// The kind of the record.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Authority => Kind::Authority,
            Self::Source { .. } => Kind::Source,
            Self::Build { .. } => Kind::Build,
            Self::Update => Kind::Update,
        }
    }

    /// Whether it is a source of the product, or a build that leads to one in the namespace.
    pub fn leads_to(&self, namespace: &str, product: &Product) -> bool {
        match self {
            Self::Source { products, .. } => products.contains(product),
            Self::Build { counts, .. } => {
                counts.iter().any(|counts| counts.namespace == namespace && counts.products.contains_key(product))
            }
            Self::Authority | Self::Update => false,
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Authority => out.push(b'a'),
            Self::Source { namespace, products } => {
                out.push(b's');
                put_text(&mut out, namespace);
                put_count(&mut out, products.len());
                products.iter().for_each(|product| put_text(&mut out, product.as_str()));
            }
            Self::Build { counts, artifacts } => {
                out.push(b'b');
                put_count(&mut out, counts.len());
                for Counts { namespace, products } in counts {
                    put_text(&mut out, namespace);
                    put_count(&mut out, products.len());
                    for (product, steps) in products {
                        put_text(&mut out, product.as_str());
                        out.push(*steps);
                    }
                }
                put_count(&mut out, artifacts.len());
                artifacts.iter().for_each(|artifact| out.extend(artifact.0));
            }
            Self::Update => out.push(b'u'),
        }
        out
    }

    /// Reads the kind alone.
    pub(super) fn kind_of(bytes: &[u8]) -> Option<Kind> {
        match bytes.first()? {
            b'a' => Some(Kind::Authority),
            b's' => Some(Kind::Source),
            b'b' => Some(Kind::Build),
            b'u' => Some(Kind::Update),
            _ => None,
        }
    }

    /// Reads a row of `facts`; `None` if it is not one.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut input = bytes;
        let fact = match take::<1>(&mut input)? {
            [b'a'] => Self::Authority,
            [b's'] => {
                Self::Source { namespace: take_text(&mut input)?, products: take_list(&mut input, take_product)? }
            }
            [b'b'] => Self::Build {
                counts: take_list(&mut input, take_counts)?,
                artifacts: take_list(&mut input, |input| take(input).map(Digest))?,
            },
            [b'u'] => Self::Update,
            _ => return None,
        };
        input.is_empty().then_some(fact)
    }
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend(u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend(text.bytes());
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
