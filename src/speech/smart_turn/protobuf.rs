//! Protocol buffers, as much of them as it takes to change a few fields of an ONNX file.

/// What a field holds.
pub(super) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Four or eight bytes.
    Fixed,
}

/// One field of a message.
pub(super) struct Field<'a> {
    pub(super) number: u64,
    pub(super) value: Value<'a>,
    /// All of it, with its key.
    pub(super) whole: &'a [u8],
}

const TORN: &str = "it ends within a field";

/// The fields of a message in their order; after an error none.
pub(super) fn fields(message: &[u8]) -> impl Iterator<Item = Result<Field<'_>, &'static str>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        if at >= message.len() {
            return None;
        }
        let field = field(message, at);
        at = field.as_ref().map_or(message.len(), |(_, end)| *end);
        Some(field.map(|(field, _)| field))
    })
}

/// The field that begins at `from`, and where it ends.
fn field(message: &[u8], from: usize) -> Result<(Field<'_>, usize), &'static str> {
    let mut at = from;
    let key = varint(message, &mut at)?;
    let value = match key & 7 {
        0 => Value::Number(varint(message, &mut at)?),
        1 => taken(message, &mut at, 8).map(|_| Value::Fixed)?,
        5 => taken(message, &mut at, 4).map(|_| Value::Fixed)?,
        2 => {
            let length = varint(message, &mut at)?;
            Value::Bytes(taken(message, &mut at, length)?)
        }
        _ => return Err("it holds a kind of field that is not known"),
    };
    let field = Field {
        number: key >> 3,
        value,
        whole: message.get(from..at).ok_or(TORN)?,
    };
    Ok((field, at))
}

fn taken<'a>(message: &'a [u8], at: &mut usize, length: u64) -> Result<&'a [u8], &'static str> {
    let length = usize::try_from(length).map_err(|_| TORN)?;
    let end = at.checked_add(length).ok_or(TORN)?;
    let bytes = message.get(*at..end).ok_or(TORN)?;
    *at = end;
    Ok(bytes)
}

fn varint(message: &[u8], at: &mut usize) -> Result<u64, &'static str> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *message.get(*at).ok_or(TORN)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err("it holds a number that is too long")
}

/// The bytes in the first field of this number.
pub(super) fn bytes(message: &[u8], wanted: u64) -> Result<Option<&[u8]>, &'static str> {
    for field in fields(message) {
        let field = field?;
        if let (true, Value::Bytes(bytes)) = (field.number == wanted, field.value) {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

/// The same as text.
pub(super) fn text(message: &[u8], wanted: u64) -> Result<Option<&str>, &'static str> {
    let bytes = bytes(message, wanted)?;
    let text = bytes.map(std::str::from_utf8).transpose();
    text.map_err(|_| "it holds a name that is no text")
}

/// The first number in a field of this number.
pub(super) fn number(message: &[u8], wanted: u64) -> Result<Option<u64>, &'static str> {
    for field in fields(message) {
        let field = field?;
        if let (true, Value::Number(value)) = (field.number == wanted, field.value) {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a field that holds a number.
pub(super) fn put_number(out: &mut Vec<u8>, number: u64, value: u64) {
    put_varint(out, number << 3);
    put_varint(out, value);
}

/// Appends a field that holds bytes: a text, or a message.
pub(super) fn put_bytes(out: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    put_varint(out, number << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}
