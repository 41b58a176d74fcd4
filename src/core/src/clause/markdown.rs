//! Text without what is only there for the eye: emphasis, headings, bullets, code marks, link addresses, pictograms.

/// Longest link address that is passed over, in characters.
const ADDRESS_CHARS_MAX: usize = 2048;

/// Takes a text letter by letter and gives on what is to be spoken. Holds back at most one run of signs whose meaning the
/// next letter decides.
#[derive(Debug, Clone)]
pub(super) struct Plain {
    held: Held,
    link: Link,
    /// Nothing but white space and marks has come on this line.
    line_start: bool,
    before: char,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Held {
    Nothing,
    /// So many of one sign, and whether the run began a line.
    Run {
        sign: char,
        count: usize,
        line_start: bool,
    },
    /// Digits that begin a line, and the sign after them: a number in a list, or just a number.
    Number {
        digits: String,
        closed: Option<char>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    No,
    /// A `]` has just come.
    Text,
    /// Within the address, so many characters of it.
    Address(usize),
}

impl Default for Plain {
    fn default() -> Self {
        Self {
            held: Held::Nothing,
            link: Link::No,
            line_start: true,
            before: '\n',
        }
    }
}

impl Plain {
    pub(super) fn push(&mut self, sign: char, out: &mut impl FnMut(char)) {
        match self.link {
            Link::Address(length) if sign != '\n' && length < ADDRESS_CHARS_MAX => {
                self.link = if sign == ')' {
                    Link::No
                } else {
                    Link::Address(length + 1)
                };
                return;
            }
            Link::Text if sign == '(' => {
                self.link = Link::Address(0);
                return;
            }
            Link::Address(_) | Link::Text | Link::No => self.link = Link::No,
        }
        if self.grows(sign) || self.release(Some(sign), out) {
            return;
        }
        self.fresh(sign, out);
    }

    pub(super) fn finish(&mut self, out: &mut impl FnMut(char)) {
        self.release(None, out);
        *self = Self::default();
    }

    /// Adds `sign` to what is held, if it belongs there.
    fn grows(&mut self, sign: char) -> bool {
        match &mut self.held {
            Held::Run {
                sign: held, count, ..
            } if *held == sign => {
                *count += 1;
                true
            }
            Held::Number {
                digits,
                closed: None,
            } if sign.is_ascii_digit() && digits.len() < 3 => {
                digits.push(sign);
                true
            }
            Held::Number {
                closed: closed @ None,
                ..
            } if matches!(sign, '.' | ')') => {
                *closed = Some(sign);
                true
            }
            Held::Nothing | Held::Run { .. } | Held::Number { .. } => false,
        }
    }

    /// Gives on what was held, or not, now that `next` is known (none: the text ends). True if `next` is used up by it.
    fn release(&mut self, next: Option<char>, out: &mut impl FnMut(char)) -> bool {
        let space_next = next.is_none_or(char::is_whitespace);
        match std::mem::replace(&mut self.held, Held::Nothing) {
            Held::Nothing => false,
            Held::Number { digits, closed } => {
                digits.chars().for_each(|digit| self.give(digit, out));
                match closed {
                    Some(_) if next.is_some_and(|next| next == ' ') => self.give(',', out),
                    Some(sign) => self.give(sign, out),
                    None => {}
                }
                false
            }
            Held::Run {
                sign,
                count,
                line_start,
            } => {
                let word_before = self.before.is_alphanumeric();
                let kept = match sign {
                    // Emphasis clings to a word; a star on its own is said.
                    '*' => count == 1 && space_next && !line_start && self.before.is_whitespace(),
                    '_' => word_before && next.is_some_and(char::is_alphanumeric),
                    '~' => count == 1,
                    '#' => !space_next,
                    // A bullet, or a rule across the page.
                    '-' | '+' => !space_next && count < 3,
                    _ => true,
                };
                if kept {
                    (0..count).for_each(|_| self.give(sign, out));
                } else if line_start && space_next && next != Some('\n') && next.is_some() {
                    // What follows the mark still begins the line.
                    self.line_start = sign != '*' || count == 1;
                    return true;
                }
                false
            }
        }
    }

    fn fresh(&mut self, sign: char, out: &mut impl FnMut(char)) {
        match sign {
            '\n' => {
                self.give('\n', out);
                self.line_start = true;
            }
            sign if sign.is_whitespace() && self.line_start => {}
            '*' | '_' | '~' => self.hold(sign),
            '#' | '-' | '+' if self.line_start => self.hold(sign),
            '>' if self.line_start => {}
            digit if digit.is_ascii_digit() && self.line_start => {
                self.held = Held::Number {
                    digits: digit.to_string(),
                    closed: None,
                };
                self.line_start = false;
            }
            '`' | '[' => {}
            ']' => self.link = Link::Text,
            '|' => self.give(' ', out),
            sign if pictogram(sign) || (sign.is_control() && !sign.is_whitespace()) => {}
            sign => self.give(sign, out),
        }
    }

    fn hold(&mut self, sign: char) {
        self.held = Held::Run {
            sign,
            count: 1,
            line_start: self.line_start,
        };
        self.line_start = false;
    }

    fn give(&mut self, sign: char, out: &mut impl FnMut(char)) {
        self.line_start = false;
        self.before = sign;
        out(sign);
    }
}

/// Emoji, the joiners and selectors within them, and dingbats.
fn pictogram(sign: char) -> bool {
    matches!(u32::from(sign), 0x1F000..=0x1FAFF | 0x2600..=0x27BF | 0xFE00..=0xFE0F | 0x200B..=0x200D | 0x20E3 | 0xFEFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_spoken_is_left() {
        for (text, want) in [
            ("plain text", "plain text"),
            ("**bold** and *it* and ***both***", "bold and it and both"),
            ("press * to go", "press * to go"),
            (
                "snake_case and _it_ and __bold__",
                "snake_case and it and bold",
            ),
            ("# One\n## Two\n#3 is ours", "One\nTwo\n#3 is ours"),
            ("- a\n  - b\n* c\n+ d\n-5 degrees", "a\nb\nc\nd\n-5 degrees"),
            ("- **bold** item\n- # odd", "bold item\nodd"),
            ("a\n---\nb\n***\nc", "a\n\nb\n\nc"),
            (
                "1. one\n12) two\n3.5 litres\n2027 was\n7",
                "1, one\n12, two\n3.5 litres\n2027 was\n7",
            ),
            ("[text](https://x.example/(a)", "text"),
            ("![picture](x.png) [note] (aside)", "!picture note (aside)"),
            ("`code` ```rust\nfn```", "code rust\nfn"),
            ("> quoted\n~~gone~~ ~5", "quoted\ngone ~5"),
            ("| a | b |", "  a   b  "),
            ("Hi 👋🏽 there ☎️!", "Hi  there !"),
            ("end *", "end *"),
            ("end_", "end"),
        ] {
            let (mut plain, mut got) = (Plain::default(), String::new());
            text.chars()
                .for_each(|sign| plain.push(sign, &mut |sign| got.push(sign)));
            plain.finish(&mut |sign| got.push(sign));
            assert_eq!(got, want, "{text}");
        }
    }
}
