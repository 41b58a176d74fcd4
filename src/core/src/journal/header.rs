//! The head of a journal file: whose it is, and the key it is sealed with, itself sealed.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | `TLJ1` |
//! | 2 | version, little-endian |
//! | 2 | length of what follows, without the checksum |
//! | 8 | milliseconds since 1970, UTC |
//! | 1 + n, three times | client, call and subject id |
//! | 2 + n | sealed key of the call |
//! | 8 | the first bytes of SHA-256 over all before |
//!
//! Every record is bound to the SHA-256 of the whole head, so none can be moved into another file.

use sha2::{Digest as _, Sha256};

const MAGIC: &[u8; 4] = b"TLJ1";
const VERSION: u16 = 1;
const FIXED_BYTES: usize = 8;
const CHECK_BYTES: usize = 8;
const ID_BYTES_MAX: usize = 64;
const KEY_BYTES_MAX: usize = 1_024;
/// The longest head of a journal, bytes.
pub const HEADER_BYTES_MAX: usize =
    FIXED_BYTES + 8 + 3 * (1 + ID_BYTES_MAX) + 2 + KEY_BYTES_MAX + CHECK_BYTES;

/// SHA-256 of an encoded head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderHash(pub(super) [u8; 32]);

/// The head of a journal. Nothing in it is content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The client whose call it is, 1 to 64 bytes of printable ASCII without spaces.
    pub client_id: String,
    /// The call, likewise.
    pub call_id: String,
    /// The person whose key the call's key is sealed under, likewise.
    pub subject_id: String,
    /// The call's key, sealed under the subject's; at most 1,024 bytes.
    pub sealed_key: Vec<u8>,
    /// When the call began, milliseconds since 1970, UTC.
    pub unix_ms: i64,
}

/// Why a head was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// It does not begin as a journal does.
    #[error("not a journal")]
    NotAJournal,
    /// Written by a newer server.
    #[error("a journal of version {0}; this server reads version {VERSION}")]
    Version(u16),
    /// The file ends within its head.
    #[error("the file ends within its head")]
    Short,
    /// A length or an id in it is impossible.
    #[error("the head of the journal cannot be read")]
    Malformed,
    /// It was altered after it was written.
    #[error("the head of the journal is damaged")]
    Damaged,
}

/// Writes a head. `Malformed` if an id or the key is not as [`Header`] says.
pub fn encode_header(header: &Header) -> Result<(Vec<u8>, HeaderHash), HeaderError> {
    let mut body = Vec::with_capacity(256);
    body.extend_from_slice(&header.unix_ms.to_le_bytes());
    for id in [&header.client_id, &header.call_id, &header.subject_id] {
        let len = u8::try_from(id.len()).map_err(|_| HeaderError::Malformed)?;
        if !is_id(id.as_bytes()) {
            return Err(HeaderError::Malformed);
        }
        body.push(len);
        body.extend_from_slice(id.as_bytes());
    }
    if header.sealed_key.len() > KEY_BYTES_MAX {
        return Err(HeaderError::Malformed);
    }
    let len = u16::try_from(header.sealed_key.len()).map_err(|_| HeaderError::Malformed)?;
    body.extend_from_slice(&len.to_le_bytes());
    body.extend_from_slice(&header.sealed_key);
    let mut out = Vec::with_capacity(FIXED_BYTES + body.len() + CHECK_BYTES);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    let len = u16::try_from(body.len()).map_err(|_| HeaderError::Malformed)?;
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&body);
    let check = Sha256::digest(&out);
    out.extend_from_slice(&check[..CHECK_BYTES]);
    let hash = HeaderHash(Sha256::digest(&out).into());
    Ok((out, hash))
}

/// Reads the head at the start of a file, of which `bytes` holds at least the first [`HEADER_BYTES_MAX`] or all.
/// Gives also its hash and its length in bytes, behind which the records begin.
pub fn decode_header(bytes: &[u8]) -> Result<(Header, HeaderHash, usize), HeaderError> {
    if !bytes.starts_with(MAGIC) {
        let short = bytes.len() < MAGIC.len() && MAGIC.starts_with(bytes);
        return Err(if short {
            HeaderError::Short
        } else {
            HeaderError::NotAJournal
        });
    }
    let mut fixed = Fields(&bytes[MAGIC.len()..]);
    let version = u16::from_le_bytes(fixed.array()?);
    if version != VERSION {
        return Err(HeaderError::Version(version));
    }
    let end = FIXED_BYTES + usize::from(u16::from_le_bytes(fixed.array()?));
    let total = end + CHECK_BYTES;
    if total > HEADER_BYTES_MAX {
        return Err(HeaderError::Malformed);
    }
    let head = bytes.get(..total).ok_or(HeaderError::Short)?;
    let (checked, check) = head.split_at(end);
    if Sha256::digest(checked)[..CHECK_BYTES] != *check {
        return Err(HeaderError::Damaged);
    }
    let header = body(&checked[FIXED_BYTES..]).map_err(|_| HeaderError::Malformed)?;
    Ok((header, HeaderHash(Sha256::digest(head).into()), total))
}

fn body(bytes: &[u8]) -> Result<Header, HeaderError> {
    let mut fields = Fields(bytes);
    let header = Header {
        unix_ms: i64::from_le_bytes(fields.array()?),
        client_id: fields.id()?,
        call_id: fields.id()?,
        subject_id: fields.id()?,
        sealed_key: {
            let len = usize::from(u16::from_le_bytes(fields.array()?));
            fields.bytes(len)?.to_vec()
        },
    };
    let is_whole = fields.0.is_empty() && header.sealed_key.len() <= KEY_BYTES_MAX;
    is_whole.then_some(header).ok_or(HeaderError::Malformed)
}

fn is_id(id: &[u8]) -> bool {
    (1..=ID_BYTES_MAX).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}

/// Bytes read from the front.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], HeaderError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(HeaderError::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], HeaderError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(HeaderError::Short)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn id(&mut self) -> Result<String, HeaderError> {
        let [len] = self.array()?;
        let id = self.bytes(usize::from(len))?;
        let text = std::str::from_utf8(id).map_err(|_| HeaderError::Malformed)?;
        is_id(id)
            .then(|| text.to_owned())
            .ok_or(HeaderError::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            client_id: "cli_01JD0000000000000000000000".into(),
            call_id: "call_01JD0000000000000000000000".into(),
            subject_id: "sub_01JD0000000000000000000000".into(),
            sealed_key: vec![7; 60],
            unix_ms: 1_700_000_000_123,
        }
    }

    #[test]
    fn a_head_reads_back_as_itself_whatever_follows() {
        let (mut bytes, hash) = encode_header(&header()).unwrap();
        let len = bytes.len();
        for _ in 0..2 {
            assert_eq!(decode_header(&bytes), Ok((header(), hash, len)));
            bytes.extend_from_slice(&[0xAA; 100]);
        }
        let longest = Header {
            client_id: "c".repeat(64),
            call_id: "a".repeat(64),
            subject_id: "s".repeat(64),
            sealed_key: vec![0; 1_024],
            ..header()
        };
        let (bytes, _) = encode_header(&longest).unwrap();
        assert_eq!(bytes.len(), HEADER_BYTES_MAX);
        assert_eq!(decode_header(&bytes).unwrap().0, longest);
    }

    #[test]
    fn every_altered_byte_and_every_cut_is_noticed() {
        let (bytes, _) = encode_header(&header()).unwrap();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut altered = bytes.clone();
                altered[at] ^= 1 << bit;
                assert!(decode_header(&altered).is_err(), "byte {at} bit {bit}");
            }
            assert_eq!(decode_header(&bytes[..at]), Err(HeaderError::Short));
        }
        let mut newer = bytes;
        newer[4] = 2;
        assert_eq!(decode_header(&newer), Err(HeaderError::Version(2)));
        assert_eq!(decode_header(b"RIFF"), Err(HeaderError::NotAJournal));
    }

    #[test]
    fn what_does_not_fit_a_head_is_refused() {
        for (wrong, broken) in [
            (
                "no id",
                Header {
                    client_id: String::new(),
                    ..header()
                },
            ),
            (
                "long id",
                Header {
                    call_id: "x".repeat(65),
                    ..header()
                },
            ),
            (
                "space",
                Header {
                    subject_id: "a b".into(),
                    ..header()
                },
            ),
            (
                "long key",
                Header {
                    sealed_key: vec![0; 1_025],
                    ..header()
                },
            ),
        ] {
            assert_eq!(
                encode_header(&broken),
                Err(HeaderError::Malformed),
                "{wrong}"
            );
        }
    }
}
