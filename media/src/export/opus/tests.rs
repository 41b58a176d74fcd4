use opus_decoder::OpusDecoder;

use super::*;
use crate::g711;

const CALLER: &[u8] = include_bytes!("../../../../fixtures/speech/complete.ulaw");
const AGENT: &[u8] = include_bytes!("../../../../fixtures/speech/cut.ulaw");

/// The caller speaks, then the agent, then both.
fn call() -> Vec<[i16; 2]> {
    let mut pairs = Vec::new();
    g711::mulaw_decode_pairs_into(CALLER, &[], &mut pairs);
    g711::mulaw_decode_pairs_into(&[], AGENT, &mut pairs);
    g711::mulaw_decode_pairs_into(CALLER, AGENT, &mut pairs);
    pairs
}

fn encoded(tracks: Tracks, pairs: &[[i16; 2]], piece: usize) -> Vec<u8> {
    let mut file = Vec::new();
    let mut opus = OggOpus::new(tracks, 0xC0FFEE, &mut file).unwrap();
    for piece in pairs.chunks(piece) {
        opus.push(piece, &mut file).unwrap();
    }
    opus.finish(&mut file).unwrap();
    file
}

/// The remainder of a division of polynomials, bit by bit.
fn crc_by_hand(bytes: &[u8]) -> u32 {
    let mut crc = 0_u32;
    for byte in bytes {
        for bit in (0..8).rev() {
            let out = crc >> 31 == 1;
            crc = (crc << 1) | u32::from((byte >> bit) & 1);
            if out {
                crc ^= 0x04C1_1DB7;
            }
        }
    }
    for _ in 0..32 {
        let out = crc >> 31 == 1;
        crc <<= 1;
        if out {
            crc ^= 0x04C1_1DB7;
        }
    }
    crc
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().unwrap()
}

/// The packets of a file whose pages are as they should be, and where it says it ends.
fn packets(file: &[u8]) -> (Vec<Vec<u8>>, u64) {
    let (mut packets, mut packet) = (Vec::new(), Vec::new());
    let (mut rest, mut sequence, mut granule) = (file, 0, 0);
    while !rest.is_empty() {
        assert_eq!(&rest[..5], b"OggS\0");
        let segments = usize::from(rest[26]);
        let lengths = &rest[27..27 + segments];
        let length = 27 + segments + lengths.iter().map(|&n| usize::from(n)).sum::<usize>();
        let (page, after) = rest.split_at(length);
        let mut summed = page.to_vec();
        summed[22..26].fill(0);
        assert_eq!(u32::from_le_bytes(number(page, 22)), crc_by_hand(&summed));
        let flags = u8::from(sequence == 0) * FIRST_PAGE + u8::from(after.is_empty()) * LAST_PAGE;
        assert_eq!(page[5], flags, "page {sequence}");
        let last_granule = granule;
        granule = u64::from_le_bytes(number(page, 6));
        assert_eq!(u32::from_le_bytes(number(page, 14)), 0xC0FFEE);
        assert_eq!(u32::from_le_bytes(number(page, 18)), sequence);
        let mut body = &page[27 + segments..];
        for &length in lengths {
            let (piece, more) = body.split_at(length.into());
            packet.extend_from_slice(piece);
            body = more;
            if length < 255 {
                packets.push(std::mem::take(&mut packet));
            }
        }
        assert!(packet.is_empty(), "a packet ends with its page");
        match sequence {
            0 | 1 => assert_eq!((granule, packets.len() as u32), (0, sequence + 1)),
            _ if after.is_empty() => assert!(granule > last_granule),
            _ => assert_eq!(granule, (packets.len() as u64 - 2) * 960),
        }
        rest = after;
        sequence += 1;
    }
    (packets, granule)
}

const FIRST_PAGE: u8 = 2;
const LAST_PAGE: u8 = 4;

/// The packet of each stream (RFC 6716, appendix B): all but the last say how long their one frame is.
fn streams(packet: &[u8], channels: usize) -> Vec<Vec<u8>> {
    let (mut streams, mut rest) = (Vec::new(), packet);
    for _ in 1..channels {
        let (length, bytes) = match rest[1] {
            first @ ..252 => (usize::from(first), 1),
            first => (usize::from(first) + 4 * usize::from(rest[2]), 2),
        };
        let frame = 1 + bytes;
        let mut stream = vec![rest[0]];
        stream.extend_from_slice(&rest[frame..frame + length]);
        streams.push(stream);
        rest = &rest[frame + length..];
    }
    streams.push(rest.to_vec());
    streams
}

/// What another's decoder makes of the file, 48 kHz, the channels apart, without what is to be skipped.
fn decoded(file: &[u8]) -> Vec<Vec<i16>> {
    let (packets, end) = packets(file);
    let channels = usize::from(packets[0][9]);
    let skip = usize::from(u16::from_le_bytes(number(&packets[0], 10)));
    let decoder = || (OpusDecoder::new(48_000, 1).unwrap(), Vec::new());
    let mut tracks: Vec<(OpusDecoder, Vec<i16>)> = (0..channels).map(|_| decoder()).collect();
    for packet in &packets[2..] {
        for ((decoder, track), packet) in tracks.iter_mut().zip(streams(packet, channels)) {
            let mut pcm = vec![0; OpusDecoder::MAX_FRAME_SIZE_48K];
            let count = decoder.decode(&packet, &mut pcm, false).unwrap();
            assert_eq!(count, 960, "20 ms");
            track.extend_from_slice(&pcm[..count]);
        }
    }
    let cut = |(_, track): (_, Vec<i16>)| {
        assert!(track.len() as u64 >= end, "all that is promised is there");
        track[skip..end as usize].to_vec()
    };
    tracks.into_iter().map(cut).collect()
}

fn energy(samples: &[i16]) -> f64 {
    samples.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / samples.len() as f64
}

/// How alike two pieces of sound are, from -1 to 1.
fn alike(a: &[i16], b: &[i16]) -> f64 {
    let product = |a: &[i16], b: &[i16]| {
        let pairs = a.iter().zip(b);
        pairs
            .map(|(&a, &b)| f64::from(a) * f64::from(b))
            .sum::<f64>()
    };
    product(a, b) / (product(a, a) * product(b, b)).sqrt()
}

/// Every sixth sample, from here.
fn thinned(samples: &[i16], from: usize) -> Vec<i16> {
    samples.iter().skip(from).step_by(6).copied().collect()
}

#[test]
fn both_tracks_come_back_apart_and_in_time() {
    let call = call();
    let file = encoded(Tracks::Both, &call, 8_000);
    let tracks = decoded(&file);
    let bytes_a_second = file.len() * 8_000 / call.len();
    assert!((2_000..7_000).contains(&bytes_a_second), "{bytes_a_second}");
    for (channel, track) in tracks.iter().enumerate() {
        assert_eq!(track.len(), call.len() * 6, "to the sample");
        let original: Vec<i16> = call.iter().map(|pair| pair[channel]).collect();
        let ratio = energy(track) / energy(&original);
        assert!((0.6..1.4).contains(&ratio), "as loud: {ratio}");
        // It fits best where it belongs: within a millisecond.
        let fit = |shift: usize| alike(&original, &thinned(track, shift));
        let early = alike(&original[8..], &thinned(track, 0));
        assert!(
            fit(0) > 0.7 && fit(0) > fit(48) && fit(0) > early,
            "{}",
            fit(0)
        );
    }
    // While one speaks alone, the other track is as silent as it was.
    let (caller, agent) = (CALLER.len() * 6, AGENT.len() * 6);
    assert!(
        energy(&tracks[1][..caller - 480]) < 4.0,
        "the caller is not in the agent's"
    );
    assert!(energy(&tracks[0][caller + 4_800..caller + agent - 480]) < 4.0);
    assert!(energy(&tracks[0][..caller]) > 1e5 && energy(&tracks[1][caller..]) > 1e5);
}

#[test]
fn one_track_is_an_ordinary_mono_file() {
    let call = call();
    for (tracks, channel) in [(Tracks::Caller, 0), (Tracks::Agent, 1)] {
        let file = encoded(tracks, &call, 160);
        let track = decoded(&file).remove(0);
        assert_eq!(track.len(), call.len() * 6);
        let original: Vec<i16> = call.iter().map(|pair| pair[channel]).collect();
        assert!(alike(&original, &thinned(&track, 0)) > 0.7);
        let both = decoded(&encoded(Tracks::Both, &call, 160));
        assert_eq!(track, both[channel], "the same as beside the other");
    }
}

#[test]
fn any_length_is_kept_to_the_sample() {
    let call = call();
    for length in [
        0, 1, 107, 108, 109, 159, 160, 161, 8_000, 8_108, 8_109, 16_001,
    ] {
        let file = encoded(Tracks::Both, &call[..length], 777);
        let tracks = decoded(&file);
        assert_eq!((tracks[0].len(), tracks[1].len()), (length * 6, length * 6));
    }
}

#[test]
fn any_cut_gives_the_same_file() {
    let call = &call()[..20_000];
    let whole = encoded(Tracks::Both, call, usize::MAX);
    for piece in [1, 159, 161, 8_000] {
        assert_eq!(encoded(Tracks::Both, call, piece), whole);
    }
}

#[test]
fn the_file_says_what_is_made_by_a_machine() {
    for (tracks, mark) in [
        (
            Tracks::Both,
            Some("AI_GENERATED=right channel (agent) is AI-generated speech"),
        ),
        (
            Tracks::Agent,
            Some("AI_GENERATED=all of it (agent) is AI-generated speech"),
        ),
        (Tracks::Caller, None),
    ] {
        let (packets, _) = packets(&encoded(tracks, &[], 1));
        let head = &packets[0];
        assert_eq!(&head[..9], b"OpusHead\x01");
        assert_eq!(u16::from(head[9]), tracks.channels());
        assert_eq!(u32::from_le_bytes(number(head, 12)), 8_000);
        let family: &[u8] = if tracks == Tracks::Both {
            &[1, 2, 0, 0, 1]
        } else {
            &[0]
        };
        assert_eq!(&head[18..], family);
        let tags = &packets[1];
        assert_eq!(&tags[..8], b"OpusTags");
        assert_eq!(u32::from_le_bytes(number(tags, 8)), 9);
        assert_eq!(&tags[12..21], b"Trunkline");
        assert_eq!(
            u32::from_le_bytes(number(tags, 21)),
            mark.iter().len() as u32
        );
        if let Some(mark) = mark {
            assert_eq!(u32::from_le_bytes(number(tags, 25)), mark.len() as u32);
            assert_eq!(&tags[29..], mark.as_bytes());
        }
    }
}

#[test]
fn a_frame_of_any_length_can_be_followed() {
    for length in [0, 1, 251, 252, 253, 255, 256, 1_275] {
        let mut packet = vec![0x08];
        packet.resize(1 + length, 7);
        let mut out = Vec::new();
        delimit(&packet, &mut out).unwrap();
        out.extend([0x10, 1, 2]);
        assert_eq!(streams(&out, 2), [packet, vec![0x10, 1, 2]]);
    }
    for packet in [&[][..], &[0x09, 1, 1], &[0x0B, 1]] {
        assert!(delimit(packet, &mut Vec::new()).is_err());
    }
}

#[test]
fn loud_noise_and_sharp_edges_do_no_harm() {
    let mut seed = 9_u32;
    let mut next = move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 16) as i16
    };
    let mut pairs = Vec::new();
    for second in 0..6 {
        pairs.extend((0..4_000).map(|n| match second {
            0 => [next(), next()],
            1 => [i16::MAX, i16::MIN],
            2 => [
                if n / 20 % 2 == 0 { i16::MAX } else { i16::MIN },
                next() / 4_096,
            ],
            3 => [0, if n % 400 == 0 { i16::MIN } else { 0 }],
            _ => [next() / 16_384, 0],
        }));
    }
    assert_eq!(
        decoded(&encoded(Tracks::Both, &pairs, 8_000))[0].len(),
        pairs.len() * 6
    );
}
