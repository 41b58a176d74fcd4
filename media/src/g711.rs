//! G.711, the companding of telephone audio: one byte a sample, mu-law (North America, Japan) and A-law (elsewhere).
//!
//! Decoding is by table. Encoding follows the rule of the ITU's reference implementation (G.191), so that the boundary
//! between two codes is where the standard puts it: `encode(decode(u)) == u` for every code but one. Mu-law has two
//! codes for zero, `0xFF` (plus) and `0x7F` (minus); both decode to 0 and 0 encodes to `0xFF`.

/// The mu-law code of silence.
pub const MULAW_SILENCE: u8 = 0xFF;

/// The A-law code nearest to silence (+8).
pub const ALAW_SILENCE: u8 = 0xD5;

const MULAW: [i16; 256] = mulaw_table();
const ALAW: [i16; 256] = alaw_table();

const fn mulaw_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        let inverted = !(code as i32);
        let exponent = (inverted >> 4) & 7;
        let mantissa = inverted & 0xF;
        let step = 8 << exponent;
        let magnitude = (0x80 << exponent) + step * mantissa + step / 2 - 132;
        table[code] = if code < 0x80 { -magnitude } else { magnitude } as i16;
        code += 1;
    }
    table
}

const fn alaw_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        let bits = (code as i32 ^ 0x55) & 0x7F;
        let exponent = bits >> 4;
        let mantissa = bits & 0xF;
        let magnitude = if exponent == 0 {
            (mantissa << 4) + 8
        } else {
            ((mantissa + 16) << 4 | 8) << (exponent - 1)
        };
        table[code] = if code < 0x80 { -magnitude } else { magnitude } as i16;
        code += 1;
    }
    table
}

/// The sample a mu-law code stands for.
#[inline]
pub fn mulaw_decode(code: u8) -> i16 {
    MULAW[code as usize]
}

/// The sample an A-law code stands for.
#[inline]
pub fn alaw_decode(code: u8) -> i16 {
    ALAW[code as usize]
}

/// The mu-law code of a sample.
#[inline]
pub fn mulaw_encode(sample: i16) -> u8 {
    // The standard works on 14 bits with the one's complement for negative samples.
    let magnitude = i32::from(if sample < 0 { !sample } else { sample }) >> 2;
    let biased = (magnitude + 33).min(0x1FFF);
    let segment = 33 - (biased >> 6).leading_zeros() as i32;
    let low = 0xF - ((biased >> segment) & 0xF);
    let code = ((8 - segment) << 4 | low) as u8;
    if sample >= 0 { code | 0x80 } else { code }
}

/// The A-law code of a sample.
#[inline]
pub fn alaw_encode(sample: i16) -> u8 {
    let magnitude = i32::from(if sample < 0 { !sample } else { sample }) >> 4;
    let bits = if magnitude > 15 {
        let exponent = 28 - magnitude.leading_zeros() as i32;
        (magnitude >> (exponent - 1)) - 16 + (exponent << 4)
    } else {
        magnitude
    };
    let signed = if sample >= 0 { bits | 0x80 } else { bits };
    signed as u8 ^ 0x55
}

/// Decodes mu-law bytes into `samples`, as many as the shorter of the two; returns how many.
pub fn mulaw_decode_into(bytes: &[u8], samples: &mut [i16]) -> usize {
    for (sample, &code) in samples.iter_mut().zip(bytes) {
        *sample = mulaw_decode(code);
    }
    bytes.len().min(samples.len())
}

/// Decodes A-law bytes into `samples`, as many as the shorter of the two; returns how many.
pub fn alaw_decode_into(bytes: &[u8], samples: &mut [i16]) -> usize {
    for (sample, &code) in samples.iter_mut().zip(bytes) {
        *sample = alaw_decode(code);
    }
    bytes.len().min(samples.len())
}

/// Appends the mu-law codes of `samples` to `bytes`.
pub fn mulaw_encode_into(samples: &[i16], bytes: &mut Vec<u8>) {
    bytes.extend(samples.iter().map(|&sample| mulaw_encode(sample)));
}

/// Appends the A-law codes of `samples` to `bytes`.
pub fn alaw_encode_into(samples: &[i16], bytes: &mut Vec<u8>) {
    bytes.extend(samples.iter().map(|&sample| alaw_encode(sample)));
}

/// Appends two channels of mu-law as pairs of samples, left and right; where one is shorter, it is silent.
pub fn mulaw_decode_pairs_into(left: &[u8], right: &[u8], pairs: &mut Vec<[i16; 2]>) {
    let length = left.len().max(right.len());
    let sample = |channel: &[u8], at: usize| channel.get(at).map_or(0, |&code| mulaw_decode(code));
    pairs.extend((0..length).map(|at| [sample(left, at), sample(right, at)]));
}

/// Rewrites mu-law bytes as A-law ones in place, for a carrier that takes A-law.
pub fn mulaw_to_alaw(bytes: &mut [u8]) {
    for byte in bytes {
        *byte = alaw_encode(mulaw_decode(*byte));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Positive decodes of one segment: start and step, from table 2a of G.711 scaled to 16 bits.
    const MULAW_SEGMENTS: [(i32, i32); 8] = [
        (0, 8),
        (132, 16),
        (396, 32),
        (924, 64),
        (1980, 128),
        (4092, 256),
        (8316, 512),
        (16764, 1024),
    ];
    const ALAW_SEGMENTS: [(i32, i32); 8] = [
        (8, 16),
        (264, 16),
        (528, 32),
        (1056, 64),
        (2112, 128),
        (4224, 256),
        (8448, 512),
        (16896, 1024),
    ];

    #[test]
    fn two_channels_become_pairs() {
        let mut pairs = vec![[1, 1]];
        mulaw_decode_pairs_into(&[0x80, 0xFF, 0x00], &[0x00], &mut pairs);
        assert_eq!(pairs, [[1, 1], [32_124, -32_124], [0, 0], [-32_124, 0]]);
        mulaw_decode_pairs_into(&[], &[0x80], &mut pairs);
        assert_eq!(pairs[4..], [[0, 32_124]]);
    }

    #[test]
    fn all_256_mulaw_codes_decode_by_the_segments_of_the_standard() {
        for code in 0..=255_u8 {
            let inverted = !code & 0x7F;
            let (start, step) = MULAW_SEGMENTS[usize::from(inverted >> 4)];
            let magnitude = start + step * i32::from(inverted & 0xF);
            let expected = if code & 0x80 == 0 {
                -magnitude
            } else {
                magnitude
            };
            assert_eq!(i32::from(mulaw_decode(code)), expected, "code {code:#04x}");
        }
        assert_eq!((mulaw_decode(0x80), mulaw_decode(0x00)), (32124, -32124));
    }

    #[test]
    fn all_256_alaw_codes_decode_by_the_segments_of_the_standard() {
        for code in 0..=255_u8 {
            let bits = (code ^ 0x55) & 0x7F;
            let (start, step) = ALAW_SEGMENTS[usize::from(bits >> 4)];
            let magnitude = start + step * i32::from(bits & 0xF);
            let expected = if code & 0x80 == 0 {
                -magnitude
            } else {
                magnitude
            };
            assert_eq!(i32::from(alaw_decode(code)), expected, "code {code:#04x}");
        }
        assert_eq!((alaw_decode(0xAA), alaw_decode(0x2A)), (32256, -32256));
        assert_eq!(alaw_decode(ALAW_SILENCE), 8);
    }

    #[test]
    fn every_code_survives_the_round_trip_but_minus_zero() {
        for code in 0..=255_u8 {
            let expected = if code == 0x7F { 0xFF } else { code };
            assert_eq!(
                mulaw_encode(mulaw_decode(code)),
                expected,
                "mu-law {code:#04x}"
            );
            assert_eq!(alaw_encode(alaw_decode(code)), code, "A-law {code:#04x}");
        }
    }

    #[test]
    fn every_sample_encodes_to_a_nearest_code() {
        // The error is at most half a step of the segment, or the clip at the top (and one more for the one's complement).
        for sample in i16::MIN..=i16::MAX {
            for (name, decoded, clip) in [
                ("mu-law", mulaw_decode(mulaw_encode(sample)), 32635),
                ("A-law", alaw_decode(alaw_encode(sample)), 32767),
            ] {
                let clipped = i32::from(sample).clamp(-clip, clip);
                let error = (clipped - i32::from(decoded)).abs();
                let step = ((clipped.abs() + 132) / 16).max(16);
                assert!(
                    error <= step / 2 + 1,
                    "{name} {sample} came back as {decoded}"
                );
            }
        }
    }

    #[test]
    fn slices_take_the_shorter_side() {
        let mut samples = [1_i16; 3];
        assert_eq!(mulaw_decode_into(&[0xFF, 0x80], &mut samples), 2);
        assert_eq!(samples, [0, 32124, 1]);
        assert_eq!(alaw_decode_into(&[0xD5; 9], &mut samples), 3);
        assert_eq!(samples, [8; 3]);
        let mut bytes = Vec::new();
        mulaw_encode_into(&[0, 32124], &mut bytes);
        alaw_encode_into(&[8], &mut bytes);
        assert_eq!(bytes, [0xFF, 0x80, 0xD5]);
        let mut line = [0xFF, 0x80];
        mulaw_to_alaw(&mut line);
        assert_eq!(line, [0xD5, 0xAA]);
    }
}
