//! Pages of an Ogg stream (RFC 3533) around packets of Opus (RFC 7845).

/// Packets of a page: a second, so that a player finds its way.
const PACKETS_MAX: usize = 50;

/// The lacing values a page has room for.
const SEGMENTS_MAX: usize = 255;

const FIRST: u8 = 2;
const LAST: u8 = 4;

const CRC: [u32; 256] = crc_table();

const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc << 1) ^ if crc >> 31 == 1 { 0x04C1_1DB7 } else { 0 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

pub(super) fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |crc, byte| {
        (crc << 8) ^ CRC[((crc >> 24) as u8 ^ byte) as usize]
    })
}

/// Packs packets into pages. The last page waits until it is known to be the last.
#[derive(Debug)]
pub(super) struct Pages {
    serial: u32,
    sequence: u32,
    segments: Vec<u8>,
    body: Vec<u8>,
    packets: usize,
    /// Where the packets so far end, in samples of 48 kHz.
    granule: u64,
}

impl Pages {
    pub(super) fn new(serial: u32) -> Self {
        Self {
            serial,
            sequence: 0,
            segments: Vec::with_capacity(SEGMENTS_MAX),
            body: Vec::new(),
            packets: 0,
            granule: 0,
        }
    }

    /// A packet on a page of its own: headers are.
    pub(super) fn header(&mut self, packet: &[u8], out: &mut Vec<u8>) {
        self.packet(packet, 0, out);
        self.write(0, out);
    }

    /// A packet, and where the audio ends with it.
    pub(super) fn packet(&mut self, packet: &[u8], granule: u64, out: &mut Vec<u8>) {
        let segments = packet.len() / 255 + 1;
        if self.packets == PACKETS_MAX || self.segments.len() + segments > SEGMENTS_MAX {
            self.write(0, out);
        }
        self.segments
            .resize(self.segments.len() + segments - 1, 255);
        self.segments.push((packet.len() % 255) as u8);
        self.body.extend_from_slice(packet);
        self.packets += 1;
        self.granule = granule;
    }

    /// Writes the last page. A player stops at `granule`, even if the last packet has more.
    pub(super) fn finish(mut self, granule: u64, out: &mut Vec<u8>) {
        self.granule = granule;
        self.write(LAST, out);
    }

    fn write(&mut self, flags: u8, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend(b"OggS\0");
        out.push(flags | if self.sequence == 0 { FIRST } else { 0 });
        out.extend(self.granule.to_le_bytes());
        out.extend(self.serial.to_le_bytes());
        out.extend(self.sequence.to_le_bytes());
        let sum = out.len();
        out.extend([0; 4]);
        out.push(self.segments.len() as u8);
        out.append(&mut self.segments);
        out.append(&mut self.body);
        let crc = crc(&out[start..]);
        out[sum..sum + 4].copy_from_slice(&crc.to_le_bytes());
        self.sequence = self.sequence.wrapping_add(1);
        self.packets = 0;
    }
}
