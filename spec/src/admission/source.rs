//! Sources: what was deposited for which products.

use super::{At, Fact, Refusal, Row, Signatures, Stop, digests};
use crate::record::Source;
use crate::state::{self, SourceValue};
use alloc::collections::BTreeMap;
use alloc::{string::String, string::ToString, vec::Vec};

impl At<'_> {
    pub(super) fn source(&self, source: &Source) -> Result<(Signatures, Vec<Row>), Stop> {
        // Rules 4 and 5.
        let trusted = self.governing(|| source.products.first().map(ToString::to_string).unwrap_or_default())?;
        let namespace = String::from(trusted.namespace());
        if let Some(product) = source.products.iter().find(|product| !product.in_namespace(&namespace)) {
            return Err(Refusal::ProductOutsideNamespace { product: product.to_string(), namespace }.into());
        }
        let signatures = self.signed(trusted)?;
        let (products, archives) = (source.products.clone(), digests(&self.record.statement).into_iter().collect());
        let value = SourceValue { index: self.index, reviews: BTreeMap::new() };
        let mut out = self.own_rows(&Fact::Source { namespace: namespace.clone(), products, archives });
        out.push(Row::state(&state::source_key(&self.record.id), &value.to_text()));
        out.extend(self.digest_rows(&namespace));
        Ok((signatures, out))
    }
}
