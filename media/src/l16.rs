//! Linear 16-bit audio as bytes, for carriers and providers that send it. A message may end inside a sample; the odd
//! byte waits for the next one.

/// Which byte of a sample comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endian {
    /// Least significant byte first (WAV, most providers).
    Little,
    /// Most significant byte first (RTP's own L16).
    Big,
}

/// Bytes to samples, across any cut.
#[derive(Debug, Clone)]
pub struct L16Decoder {
    endian: Endian,
    odd: Option<u8>,
}

impl L16Decoder {
    /// A decoder with nothing pending.
    pub fn new(endian: Endian) -> Self {
        Self { endian, odd: None }
    }

    /// Takes bytes off the front of `bytes` and fills `samples`; returns how many samples were written. Stops when
    /// either is used up; an odd last byte is kept inside.
    pub fn decode(&mut self, bytes: &mut &[u8], samples: &mut [i16]) -> usize {
        let mut written = 0;
        if let (Some(first), Some(slot), Some((&second, rest))) =
            (self.odd, samples.first_mut(), bytes.split_first())
        {
            *slot = self.sample([first, second]);
            self.odd = None;
            *bytes = rest;
            written = 1;
        }
        if self.odd.is_some() {
            return written;
        }
        let (pairs, tail) = bytes.as_chunks::<2>();
        let count = pairs.len().min(samples.len() - written);
        for (slot, &pair) in samples[written..].iter_mut().zip(pairs) {
            *slot = self.sample(pair);
        }
        if count == pairs.len() {
            self.odd = tail.first().copied();
            *bytes = &[];
        } else {
            *bytes = &bytes[count * 2..];
        }
        written + count
    }

    fn sample(&self, pair: [u8; 2]) -> i16 {
        match self.endian {
            Endian::Little => i16::from_le_bytes(pair),
            Endian::Big => i16::from_be_bytes(pair),
        }
    }
}

/// Appends `samples` to `bytes`, two bytes each.
pub fn encode_into(samples: &[i16], endian: Endian, bytes: &mut Vec<u8>) {
    match endian {
        Endian::Little => bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes())),
        Endian::Big => bytes.extend(samples.iter().flat_map(|sample| sample.to_be_bytes())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_cut_gives_the_same_samples() {
        let samples: Vec<i16> = (0..200).map(|n| (n * 331 - 30_000) as i16).collect();
        for endian in [Endian::Little, Endian::Big] {
            let mut bytes = Vec::new();
            encode_into(&samples, endian, &mut bytes);
            for cut in [1, 2, 3, 7, 64, 399, 400] {
                for room in [1, 2, 5, 160] {
                    let mut decoder = L16Decoder::new(endian);
                    let mut out = Vec::new();
                    for mut piece in bytes.chunks(cut) {
                        let mut scratch = [0; 160];
                        loop {
                            let count = decoder.decode(&mut piece, &mut scratch[..room]);
                            out.extend_from_slice(&scratch[..count]);
                            if count == 0 {
                                break;
                            }
                        }
                        assert!(piece.is_empty());
                    }
                    assert_eq!(out, samples, "{endian:?} cut {cut} room {room}");
                }
            }
        }
    }
}
