use super::*;

/// Everything in a file, read through windows that grow by `step` bytes: rows as their line and cells, faults as their line
/// and name.
fn read(form: Form, bytes: &[u8], step: usize) -> Vec<String> {
    let mut sheet = Sheet::new(form, 0);
    let (mut from, mut to, mut line) = (0, step.min(bytes.len()), 1);
    let mut found = Vec::new();
    loop {
        match sheet.next(&bytes[from..to], to == bytes.len()) {
            Piece::More => {
                assert!(to < bytes.len(), "more of what is all there");
                to = (to + step).min(bytes.len());
            }
            Piece::Skip { bytes } => {
                assert!(bytes > 0);
                from += bytes;
                to = to.max(from);
            }
            Piece::Blank { bytes, lines } => {
                assert!(bytes > 0);
                from += bytes;
                line += lines;
            }
            Piece::Row { bytes, lines } => {
                let cells: Vec<&str> = match form {
                    Form::Csv(_) => sheet.cells().collect(),
                    Form::JsonLines => vec![sheet.line()],
                };
                found.push(format!("{}: {}", line + lines.0, cells.join("|")));
                from += bytes;
                line += lines.1;
            }
            Piece::Bad {
                bytes,
                lines,
                fault,
                ..
            } => {
                assert!(bytes > 0);
                found.push(format!("{}: {}", line + lines.0, fault.code()));
                from += bytes;
                line += lines.1;
            }
            Piece::End => return found,
        }
        if from == to && to < bytes.len() {
            to = (to + step).min(bytes.len());
        }
    }
}

/// The same whatever the windows.
fn csv(text: &[u8]) -> Vec<String> {
    let found = read(Form::Csv(b','), text, usize::MAX / 2);
    for step in [1, 2, 3, 7, 64, 1_000_000] {
        assert_eq!(read(Form::Csv(b','), text, step), found, "{step}");
    }
    found
}

#[test]
fn rows_are_told_with_their_lines() {
    let text = b"a,b\r\n1,\"x, y\"\r\n\r\n2,\"two\nlines\"\r\n3,\"say \"\"hi\"\"\"";
    let want = ["1: a|b", "2: 1|x, y", "4: 2|two\nlines", "6: 3|say \"hi\""];
    assert_eq!(csv(text), want);
    assert_eq!(csv(b"a\n1\n\n2\n"), ["1: a", "2: 1", "4: 2"]);
    assert_eq!(csv(b""), Vec::<String>::new());
}

#[test]
fn a_stray_mark_takes_no_row_behind_it() {
    // The next row that opens a cell with a mark seems to close it, with as many cells as there should be.
    let want = [
        "1: a|b",
        "2: unclosed_quote",
        "3: 3|4",
        "4: 5|six",
        "5: 7|8",
    ];
    assert_eq!(csv(b"a,b\n1,\"two\n3,4\n5,\"six\"\n7,8\n"), want);
    let want = [
        "1: a|b",
        "2: unclosed_quote",
        "3: 3|4",
        "4: unclosed_quote",
        "5: 7|8",
    ];
    assert_eq!(csv(b"a,b\n1,\"two\n3,4\n5,\"six\n7,8\n"), want);
    // A mark within a cell that has none around it is text, and so is a doubled one.
    let want = ["1: a|b", "2: 5\" pipe|two\nlines", "4: 3|\"4\"\nx"];
    assert_eq!(
        csv(b"a,b\n5\" pipe,\"two\nlines\"\n3,\"\"\"4\"\"\nx\"\n"),
        want
    );
}

#[test]
fn lines_of_a_closed_cell_are_no_rows() {
    let want = ["1: a|b", "2: wrong_cell_count", "5: 3|4"];
    assert_eq!(csv(b"a,b\n1,\"x\n8,9\ny\",2\n3,4\n"), want);
}

#[test]
fn a_bad_row_costs_itself_alone() {
    let want = [
        "1: a|b",
        "2: wrong_cell_count",
        "3: 1|2",
        "4: wrong_cell_count",
        "5: 3|4",
    ];
    assert_eq!(csv(b"a,b\n1\n1,2\n1,2,3\n3,4\n"), want);
    // A mark that is never closed, in the middle and at the end.
    let want = ["1: a|b", "2: unclosed_quote", "3: 3|4", "4: 5|6"];
    assert_eq!(csv(b"a,b\n1,\"2\n3,4\n5,6\n"), want);
    let want = ["1: a|b", "2: 3|4", "3: unclosed_quote", "4: 5|6"];
    assert_eq!(csv(b"a,b\n3,4\n\"1,2\n5,6"), want);
    let want = ["1: a|b", "2: not_utf8", "3: 1|2", "4: invalid_character"];
    assert_eq!(csv(b"a,b\n1,M\xfcller\n1,2\n\0,2\n"), want);
}

#[test]
fn megabyte_cells_are_passed_by() {
    let long = "x".repeat(3 * ROW_BYTES_MAX);
    let text = format!("a,b\n1,{long}\n1,2\n\"{long}\",3\n4,5\n");
    let want = [
        "1: a|b",
        "2: row_too_long",
        "3: 1|2",
        "4: row_too_long",
        "5: 4|5",
    ];
    assert_eq!(csv(text.as_bytes()), want);
    let open = format!("a,b\n1,\"2\n{}", "3,4\n".repeat(40_000));
    let found = read(Form::Csv(b','), open.as_bytes(), 65_536);
    assert_eq!(found[..3], ["1: a|b", "2: unclosed_quote", "3: 3|4"]);
    assert_eq!(found.len(), 40_002);
    let wide = format!("a,b\n{}\n1,2\n", ",".repeat(5_000));
    let want = ["1: a|b", "2: wrong_cell_count", "3: 1|2"];
    assert_eq!(csv(wide.as_bytes()), want);
}

#[test]
fn lines_of_json_are_lines() {
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(2 * ROW_BYTES_MAX));
    let text = format!("{{\"a\":1}}\r\n\n{long}\n{{\"a\":2}}");
    for step in [1_000, 70_000, 1_000_000] {
        let found = read(Form::JsonLines, text.as_bytes(), step);
        assert_eq!(
            found,
            ["1: {\"a\":1}\r\n", "3: row_too_long", "4: {\"a\":2}"]
        );
    }
}

#[test]
fn delimiters_and_encodings_are_seen() {
    for (line, want) in [
        ("a,b,c", b','),
        ("a;b;\"c,d,e,f\"", b';'),
        ("a\tb", b'\t'),
        ("alone", b','),
        ("a|b\nc,d,e", b'|'),
    ] {
        assert_eq!(delimiter(line.as_bytes()), want, "{line}");
    }
    assert_eq!(beginning(b"\xef\xbb\xbfa"), Ok(3));
    assert_eq!(beginning(b"a,b"), Ok(0));
    assert_eq!(beginning(b""), Err(Fault::Empty));
    for utf_16 in [&b"\xff\xfea\0"[..], b"\xfe\xff\0a", b"a\0b\0", b"\0a\0b"] {
        assert_eq!(beginning(utf_16), Err(Fault::Utf16));
    }
}

/// However many there are, a window of them is passed by and not kept.
#[test]
fn blank_lines_are_passed_by_at_once() {
    for form in [Form::Csv(b','), Form::JsonLines] {
        let mut sheet = Sheet::new(form, 0);
        let blank = b"\r\n".repeat(40_000);
        for _ in 0..3 {
            let piece = sheet.next(&blank, false);
            let (bytes, lines) = (80_000, 40_000);
            assert_eq!(piece, Piece::Blank { bytes, lines });
        }
        assert_eq!(sheet.next(b"", true), Piece::End);
    }
    assert_eq!(csv(b"\n\n\na\n\n\nb\n\n"), ["4: a", "7: b"]);
}
