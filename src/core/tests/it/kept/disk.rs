//! The shell's part: a file of sealed records that does what a withdrawal orders.

use trunkline_core::journal::{
    Encoder, Entry, Header, Leaves, Open, Scanner, Seal, Tampered, encode_header, notices_until_ms,
};

/// Hides and checks enough for a test: every byte is changed, and the tag holds a sum of all that counts.
struct Mask;

impl Mask {
    fn tag(seq: u64, aad: &[u8], content: &[u8]) -> [u8; 16] {
        let fold = |sum: u64, byte: &u8| sum.rotate_left(5) ^ u64::from(*byte);
        let sum = aad.iter().chain(content.iter().take(64)).fold(seq, fold);
        (u128::from(sum) << 64 | content.len() as u128).to_le_bytes()
    }
}

impl Seal for Mask {
    fn seal(&mut self, seq: u64, aad: &[u8], content: &mut [u8]) -> [u8; 16] {
        content.iter_mut().for_each(|byte| *byte ^= 0xA5);
        Self::tag(seq, aad, content)
    }
}

impl Open for Mask {
    fn open(&self, seq: u64, aad: &[u8], sealed: &mut Vec<u8>) -> Result<(), Tampered> {
        let tag = sealed.split_off(sealed.len() - 16);
        if tag != Self::tag(seq, aad, sealed) {
            return Err(Tampered);
        }
        sealed.iter_mut().for_each(|byte| *byte ^= 0xA5);
        Ok(())
    }
}

/// One journal in memory.
pub(super) struct Disk {
    bytes: Vec<u8>,
    encoder: Encoder,
    /// Times the file was written anew.
    rewritten: u32,
}

impl Disk {
    pub(super) fn new() -> Self {
        Self::numbered(0)
    }

    fn numbered(rewritten: u32) -> Self {
        let header = Header {
            client_id: "cli_walk".into(),
            call_id: "call_walk".into(),
            subject_id: "sub_walk".into(),
            // A file that is written anew has a new key.
            sealed_key: rewritten.to_le_bytes().to_vec(),
            unix_ms: 0,
        };
        let (bytes, hash) = encode_header(&header).unwrap();
        Self {
            bytes,
            encoder: Encoder::new(hash),
            rewritten,
        }
    }

    pub(super) fn write(&mut self, entries: &[Entry]) -> Result<(), String> {
        for entry in entries {
            if let Entry::Consent(consent) = entry {
                let stored = self.read()?;
                let leaves = Leaves::of_withdrawal(consent.step, notices_until_ms(&stored));
                if let Some(leaves) = leaves {
                    *self = Self::numbered(self.rewritten + 1);
                    for entry in stored.into_iter().filter_map(|entry| leaves.of(entry)) {
                        self.append(&entry)?;
                    }
                }
            }
            self.append(entry)?;
        }
        Ok(())
    }

    pub(super) fn read(&self) -> Result<Vec<Entry>, String> {
        let (_, scanner) = Scanner::new(&self.bytes).map_err(|e| e.to_string())?;
        scanner
            .entries(&Mask)
            .map(|found| found.map(|(_, entry)| entry).map_err(|e| e.to_string()))
            .collect()
    }

    fn append(&mut self, entry: &Entry) -> Result<(), String> {
        self.encoder
            .append(entry, &mut Mask, &mut self.bytes)
            .map(|_| ())
            .map_err(|e| e.to_string())
    }
}
