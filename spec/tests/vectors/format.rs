//! A vector file: header lines `key: value`, an empty line, and the bytes that are judged. Its grammar is in
//! `spec/vectors/README.md`.

/// Where the C2SP specifications are pinned.
pub const C2SP: &str = "https://github.com/C2SP/C2SP/blob/5ba5ee8/";

/// One vector. Its name is the file's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Vector {
    /// What it shows, in kebab-case.
    pub name: String,
    /// The header lines, in order.
    pub headers: Vec<(String, String)>,
    /// The bytes that are judged.
    pub body: Vec<u8>,
}

impl Vector {
    /// A vector that is accepted. `comment` is one sentence that names the rule, `spec` where it stands.
    pub fn accept(name: &str, spec: &str, comment: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), headers: Vec::new(), body: body.into() }
            .with("spec", spec)
            .with("expect", "accept")
            .with("comment", comment)
    }

    /// A vector that is refused as `expect` says; it differs in one respect from the accepted vector `sibling`.
    pub fn refuse(
        name: &str,
        sibling: &str,
        expect: &str,
        spec: &str,
        comment: &str,
        body: impl Into<Vec<u8>>,
    ) -> Self {
        let mut vector = Self::accept(name, spec, comment, body).with("sibling", sibling);
        vector.headers[1].1 = expect.into();
        vector
    }

    /// Adds a header line.
    pub fn with(mut self, key: &str, value: impl ToString) -> Self {
        self.headers.push((key.into(), value.to_string()));
        self
    }

    /// Adds header lines of one key.
    pub fn with_all(self, key: &str, values: impl IntoIterator<Item: ToString>) -> Self {
        values.into_iter().fold(self, |vector, value| vector.with(key, value))
    }

    /// All values of a key, in order.
    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(have, _)| have == key).map(|(_, value)| value.as_str())
    }

    /// The value of a key that stands at most once.
    pub fn find<'a>(&'a self, key: &'a str) -> Option<&'a str> {
        let mut values = self.all(key);
        let value = values.next();
        assert!(values.next().is_none(), "{}: {key} stands twice", self.name);
        value
    }

    /// The value of a key that stands exactly once.
    pub fn get<'a>(&'a self, key: &'a str) -> &'a str {
        self.find(key).unwrap_or_else(|| panic!("{}: no {key}", self.name))
    }

    /// The number that is the value of a key.
    pub fn number(&self, key: &str) -> u64 {
        self.get(key).parse().unwrap_or_else(|error| panic!("{}: {key}: {error}", self.name))
    }

    /// The bytes that are the value of a key that ends in `-base64`.
    pub fn base64(&self, key: &str) -> Vec<u8> {
        unbase64(self.get(key)).unwrap_or_else(|| panic!("{}: {key} is not base64", self.name))
    }

    /// The bytes as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// Writes the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let header: String = self.headers.iter().map(|(key, value)| format!("{key}: {value}\n")).collect();
        [header.as_bytes(), b"\n", &self.body].concat()
    }

    /// Reads a file: the header ends at the first empty line, and what follows is judged as it is.
    pub fn parse(name: &str, file: &[u8]) -> Option<Self> {
        let end = file.windows(2).position(|pair| pair == b"\n\n")?;
        let header = std::str::from_utf8(&file[..end]).ok()?;
        let headers: Option<Vec<_>> = header.split('\n').map(|line| line.split_once(": ")).collect();
        let headers = headers?.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        Some(Self { name: name.into(), headers, body: file[end + 2..].to_vec() })
    }

    /// Holds the vector against the rules that all keep.
    pub fn check(&self) {
        let kebab = |word: &str| {
            let fine =
                |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
            word.split('-').all(fine)
        };
        assert!(kebab(&self.name), "{} is not kebab-case", self.name);
        for (key, value) in &self.headers {
            let plain = !value.is_empty() && value.trim() == value && !value.chars().any(char::is_control);
            assert!(kebab(key) && plain, "{}: {key}: {value:?}", self.name);
            assert!(!key.ends_with("-base64") || unbase64(value).is_some(), "{}: {key}", self.name);
        }
        assert!(kebab(self.get("expect")) && self.get("spec").contains("://"), "{}", self.name);
        let comment = self.get("comment");
        let sentence = comment.ends_with('.') && !comment.contains(". ");
        assert!(sentence, "{}: the comment is one sentence: {comment}", self.name);
        assert_eq!(self.find("sibling").is_some(), self.get("expect") != "accept", "{}", self.name);
    }
}

/// Standard base64.
pub fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Bytes of standard base64, strictly.
pub fn unbase64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Padded base64 with the last bit set that carries nothing: not canonical any more.
pub fn trailing_bit(text: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let end = text.trim_end_matches('=').len();
    let at = ALPHABET.iter().position(|byte| *byte == text.as_bytes()[end - 1]).unwrap();
    assert!(end < text.len() && at % 2 == 0, "{text} has no bit to set");
    format!("{}{}{}", &text[..end - 1], char::from(ALPHABET[at + 1]), &text[end..])
}

/// The same bytes in the base64 for URLs, which differs in two characters.
pub fn url_safe(text: &str) -> String {
    let safe = text.replace('+', "-").replace('/', "_");
    assert_ne!(safe, text, "no character differs");
    safe
}
