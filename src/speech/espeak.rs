//! eSpeak NG in a process of its own: phonemes for the voice, and a plain second voice.
//!
//! The library is under the GPL, so nothing of it is linked: a few lines of Python load it and talk over a pipe, or,
//! where there is no Python, the installed `espeak-ng` program is run for each clause. A process that dies or hangs is
//! ended and started again with the next request.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::SpeechError;

/// The installed program, which is run for each request where there is no Python or no library.
const PROGRAM: &str = "espeak-ng";
const SCRIPT: &str = include_str!("espeak_helper.py");
/// The longest text of one request, in bytes.
pub const TEXT_BYTES_MAX: usize = 16_000;
const REQUESTS_WAITING_MAX: usize = 256;
const ANSWER_LINE_BYTES_MAX: u64 = 256 * 1024;
const PCM_BYTES_MAX: usize = 22_050 * 2 * 61;
const WORDS_PER_MINUTE: f32 = 170.0;

/// The handle of the process. Clones share it.
#[derive(Clone)]
pub struct Espeak {
    shared: Arc<Shared>,
    requests: mpsc::SyncSender<Request>,
}

struct Shared {
    /// The process of the moment and the number of the request it works on, so that whoever has waited too long can end
    /// exactly the process that hangs on it.
    running: Mutex<Running>,
    next_request: std::sync::atomic::AtomicU64,
}

#[derive(Default)]
struct Running {
    child: Option<Child>,
    request: Option<u64>,
}

struct Request {
    number: u64,
    ask: Ask,
    reply: oneshot::Sender<Result<Answer, SpeechError>>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(tag = "op", rename_all = "lowercase")]
enum Ask {
    Phonemes {
        voice: String,
        text: String,
    },
    Speak {
        voice: String,
        rate: u32,
        text: String,
    },
}

#[derive(Debug, Default)]
struct Answer {
    phonemes: String,
    rate: u32,
    pcm: Vec<i16>,
}

#[derive(Debug, Deserialize)]
struct AnswerLine {
    ok: bool,
    #[serde(default)]
    phonemes: String,
    #[serde(default)]
    rate: u32,
    #[serde(default)]
    bytes: usize,
    #[serde(default)]
    error: String,
}

impl Espeak {
    /// Uses the library and data folder given, by `python3`, or else the installed `espeak-ng`; the process starts with
    /// the first request.
    pub fn new(library: &Path, data: &Path) -> Result<Self, SpeechError> {
        let arguments = ["-I", "-u", "-c", SCRIPT].map(OsString::from);
        let paths = [library, data].map(|path| path.as_os_str().to_owned());
        let program = if library.exists() { "python3" } else { PROGRAM };
        Self::by(program, arguments.into_iter().chain(paths).collect())
    }

    fn by(program: &'static str, arguments: Vec<OsString>) -> Result<Self, SpeechError> {
        let helper = Helper { program, arguments };
        let shared = Arc::new(Shared {
            running: Mutex::default(),
            next_request: std::sync::atomic::AtomicU64::new(0),
        });
        let (requests, queue) = mpsc::sync_channel(REQUESTS_WAITING_MAX);
        let of_thread = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("espeak".into())
            .spawn(move || serve(&of_thread, &helper, &queue))
            .map_err(|error| SpeechError::Phonemes {
                reason: format!("has no thread: {error}"),
            })?;
        Ok(Espeak { shared, requests })
    }

    /// The IPA phonemes of one clause. `voice` is eSpeak's name of a language, as `en-us`.
    pub async fn phonemes(
        &self,
        text: &str,
        voice: &str,
        deadline: Duration,
    ) -> Result<String, SpeechError> {
        let ask = Ask::Phonemes {
            voice: voice_name(voice)?,
            text: sanitised(text)?,
        };
        Ok(self.ask(ask, deadline).await?.phonemes)
    }

    /// The text in one of eSpeak's own voices, as `en-us+f3`: 16-bit samples and their rate. `speed` 1 is 170 words a
    /// minute; at most a minute of sound.
    pub async fn speak(
        &self,
        text: &str,
        voice: &str,
        speed: f32,
        deadline: Duration,
    ) -> Result<(Vec<i16>, u32), SpeechError> {
        let ask = Ask::Speak {
            voice: voice_name(voice)?,
            rate: words_per_minute(speed),
            text: sanitised(text)?,
        };
        let answer = self.ask(ask, deadline).await?;
        Ok((answer.pcm, answer.rate))
    }

    /// Asks twice at most: a process that died between requests shows it only when the next one is written to it.
    async fn ask(&self, ask: Ask, deadline: Duration) -> Result<Answer, SpeechError> {
        let twice = async {
            match self.ask_once(ask.clone(), deadline).await {
                Err(SpeechError::Phonemes { .. }) => self.ask_once(ask, deadline).await,
                answer => answer,
            }
        };
        tokio::time::timeout(deadline, twice)
            .await
            .unwrap_or(Err(SpeechError::Late))
    }

    async fn ask_once(&self, ask: Ask, deadline: Duration) -> Result<Answer, SpeechError> {
        let number = self
            .shared
            .next_request
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (reply, answer) = oneshot::channel();
        // Ends the process when this request is given up while the process still works on it.
        let _unless_answered = EndIfStuck {
            shared: &self.shared,
            number,
        };
        let request = Request { number, ask, reply };
        self.requests
            .try_send(request)
            .map_err(|error| match error {
                mpsc::TrySendError::Full(_) => SpeechError::Busy,
                mpsc::TrySendError::Disconnected(_) => SpeechError::Stopped,
            })?;
        match tokio::time::timeout(deadline, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(SpeechError::Stopped),
            Err(_) => Err(SpeechError::Late),
        }
    }
}

struct EndIfStuck<'a> {
    shared: &'a Shared,
    number: u64,
}

impl Drop for EndIfStuck<'_> {
    fn drop(&mut self) {
        let mut running = lock(&self.shared.running);
        if running.request == Some(self.number)
            && let Some(child) = running.child.as_mut()
        {
            // It may have just ended by itself.
            let _ = child.kill();
        }
    }
}

fn lock(running: &Mutex<Running>) -> std::sync::MutexGuard<'_, Running> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What to start.
struct Helper {
    program: &'static str,
    arguments: Vec<OsString>,
}

/// The pipes to the process.
struct Pipes {
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

/// The thread's life: one request after another, until the last handle is gone.
fn serve(shared: &Shared, helper: &Helper, queue: &mpsc::Receiver<Request>) {
    let mut pipes = None;
    while let Ok(request) = queue.recv() {
        if request.reply.is_closed() {
            continue;
        }
        lock(&shared.running).request = Some(request.number);
        let answer = answer(shared, helper, &mut pipes, &request.ask);
        lock(&shared.running).request = None;
        if answer.is_err() {
            pipes = None;
            end(shared);
        }
        // Whoever asked may be gone.
        let _ = request.reply.send(answer);
    }
    drop(pipes);
    end(shared);
}

fn end(shared: &Shared) {
    let child = lock(&shared.running).child.take();
    if let Some(mut child) = child {
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn answer(
    shared: &Shared,
    helper: &Helper,
    pipes: &mut Option<Pipes>,
    ask: &Ask,
) -> Result<Answer, SpeechError> {
    if helper.program == PROGRAM {
        return by_program(shared, ask);
    }
    let talking = match pipes.as_mut() {
        Some(talking) => talking,
        None => match start(shared, helper) {
            Ok(started) => pipes.insert(started),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return by_program(shared, ask);
            }
            Err(error) => return Err(failed(&error)),
        },
    };
    exchange(talking, ask).map_err(|error| failed(&error))
}

fn failed(error: &io::Error) -> SpeechError {
    SpeechError::Phonemes {
        reason: format!("failed: {error}"),
    }
}

fn start(shared: &Shared, helper: &Helper) -> io::Result<Pipes> {
    let mut child = Command::new(helper.program)
        .args(&helper.arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let pipes = child.stdin.take().zip(child.stdout.take());
    lock(&shared.running).child = Some(child);
    let (stdin, stdout) = pipes.ok_or_else(|| io::Error::other("it has no pipes"))?;
    Ok(Pipes {
        stdin,
        stdout: BufReader::new(stdout),
    })
}

fn exchange(pipes: &mut Pipes, ask: &Ask) -> io::Result<Answer> {
    let mut line = serde_json::to_vec(ask)?;
    line.push(b'\n');
    pipes.stdin.write_all(&line)?;
    pipes.stdin.flush()?;
    let mut answer = String::new();
    (&mut pipes.stdout)
        .take(ANSWER_LINE_BYTES_MAX)
        .read_line(&mut answer)?;
    if !answer.ends_with('\n') {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ended"));
    }
    let answer: AnswerLine = serde_json::from_str(&answer)?;
    if !answer.ok {
        return Err(io::Error::other(answer.error));
    }
    if answer.bytes > PCM_BYTES_MAX {
        return Err(io::Error::other("it answered with too much sound"));
    }
    let mut pcm = vec![0; answer.bytes];
    pipes.stdout.read_exact(&mut pcm)?;
    Ok(Answer {
        phonemes: answer.phonemes,
        rate: answer.rate,
        pcm: samples(&pcm),
    })
}

/// The installed program with its own data, once for this request: slower by the start of a process, and it needs no
/// Python.
fn by_program(shared: &Shared, ask: &Ask) -> Result<Answer, SpeechError> {
    let mut command = Command::new(PROGRAM);
    match ask {
        Ask::Phonemes { voice, .. } => command.args(["-q", "--ipa", "--stdin", "-v", voice]),
        Ask::Speak { voice, rate, .. } => command
            .args(["--stdout", "--stdin", "-v", voice, "-s"])
            .arg(rate.to_string()),
    };
    run_program(shared, command, ask).map_err(|error| failed(&error))
}

fn run_program(shared: &Shared, mut command: Command, ask: &Ask) -> io::Result<Answer> {
    let (Ask::Phonemes { text, .. } | Ask::Speak { text, .. }) = ask;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let pipes = child.stdin.take().zip(child.stdout.take());
    lock(&shared.running).child = Some(child);
    let (mut stdin, stdout) = pipes.ok_or_else(|| io::Error::other("it has no pipes"))?;
    stdin.write_all(text.as_bytes())?;
    drop(stdin);
    let limit = u64::try_from(PCM_BYTES_MAX).unwrap_or(u64::MAX);
    let mut output = Vec::new();
    stdout.take(limit).read_to_end(&mut output)?;
    end(shared);
    match ask {
        Ask::Phonemes { .. } => {
            let lines = String::from_utf8_lossy(&output);
            let phonemes = lines.split_whitespace().collect::<Vec<_>>().join(" ");
            Ok(Answer {
                phonemes,
                ..Answer::default()
            })
        }
        Ask::Speak { .. } => wav_of_program(&output),
    }
}

/// The program writes a plain 44-byte header, with sizes that mean nothing on a pipe.
fn wav_of_program(wav: &[u8]) -> io::Result<Answer> {
    let (header, pcm) = wav
        .split_first_chunk::<44>()
        .filter(|(header, _)| header.starts_with(b"RIFF"))
        .ok_or_else(|| io::Error::other("it gave no sound"))?;
    let [.., a, b, c, d] = header[..28] else {
        return Err(io::Error::other("it gave no sound"));
    };
    Ok(Answer {
        rate: u32::from_le_bytes([a, b, c, d]),
        pcm: samples(pcm),
        ..Answer::default()
    })
}

fn samples(pcm: &[u8]) -> Vec<i16> {
    pcm.as_chunks::<2>()
        .0
        .iter()
        .map(|pair| i16::from_le_bytes(*pair))
        .collect()
}

/// No control characters, no mark-up, bounded.
fn sanitised(text: &str) -> Result<String, SpeechError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(SpeechError::TooLong {
            what: "a text in bytes",
            found: text.len(),
            limit: TEXT_BYTES_MAX,
        });
    }
    // eSpeak reads `[[...]]` as phonemes and `<...>` as mark-up.
    let text: String = text
        .chars()
        .map(|c| {
            if c.is_control() || matches!(c, '<' | '>' | '[' | ']') {
                ' '
            } else {
                c
            }
        })
        .collect();
    if text.chars().any(char::is_alphanumeric) {
        Ok(text)
    } else {
        Err(SpeechError::NothingToSay)
    }
}

/// Only what a voice is called: it becomes part of a file name inside eSpeak.
fn voice_name(voice: &str) -> Result<String, SpeechError> {
    let fits = !voice.is_empty()
        && voice.len() <= 40
        && !voice.starts_with('-')
        && voice
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+'));
    if fits {
        Ok(voice.to_owned())
    } else {
        Err(SpeechError::Phonemes {
            reason: "was asked for a voice that has no valid name".into(),
        })
    }
}

fn words_per_minute(speed: f32) -> u32 {
    let speed = if speed.is_finite() { speed } else { 1.0 };
    (WORDS_PER_MINUTE * speed).clamp(80.0, 450.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn helper(script: &str) -> Espeak {
        let arguments = ["-I", "-u", "-c", script].map(OsString::from);
        Espeak::by("python3", arguments.to_vec()).unwrap()
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_process_that_dies_after_each_answer_is_started_again() {
        let espeak = helper("print('{\"ok\": true, \"phonemes\": \"a\"}')");
        for _ in 0..3 {
            assert_eq!(espeak.phonemes("x", "en", LONG).await.unwrap(), "a");
        }
    }

    #[tokio::test]
    async fn a_process_that_hangs_is_given_up_and_ended() {
        let espeak = helper(
            "import sys\nfor line in sys.stdin:\n  if 'hang' in line: sys.stdin.read()\n  \
             print('{\"ok\": true, \"phonemes\": \"a\"}')",
        );
        espeak.phonemes("go", "en", LONG).await.unwrap();
        let hung = espeak
            .phonemes("hang", "en", Duration::from_millis(20))
            .await;
        assert!(matches!(hung, Err(SpeechError::Late)));
        assert_eq!(espeak.phonemes("go", "en", LONG).await.unwrap(), "a");
    }

    #[tokio::test]
    async fn nonsense_refusals_and_endless_answers_are_errors() {
        for script in [
            "print('nonsense')",
            "print('{\"ok\": false, \"error\": \"x\"}')",
            "print('{\"ok\": true, \"bytes\": 99999999999}')",
            "while True: print('x', end='')",
            "pass",
        ] {
            let answer = helper(script).phonemes("x", "en", LONG).await;
            assert!(
                matches!(answer, Err(SpeechError::Phonemes { .. })),
                "{script}"
            );
        }
    }

    #[test]
    fn texts_are_made_harmless() {
        for (text, clean) in [
            ("hello", "hello"),
            ("a\n{\"op\":\"x\"}", "a {\"op\":\"x\"}"),
            ("say [[h@l'oU]] <b>now</b>", "say   h@l'oU    b now /b "),
        ] {
            assert_eq!(sanitised(text).unwrap(), clean);
        }
        assert!(matches!(sanitised(" \n!?"), Err(SpeechError::NothingToSay)));
        assert!(matches!(
            sanitised(&"a".repeat(TEXT_BYTES_MAX + 1)),
            Err(SpeechError::TooLong { .. })
        ));
    }

    #[test]
    fn voice_names_cannot_reach_elsewhere() {
        for (voice, fits) in [
            ("en-us", true),
            ("en-us+f3", true),
            ("../../etc/passwd", false),
            ("-x", false),
            ("", false),
            ("en us", false),
        ] {
            assert_eq!(voice_name(voice).is_ok(), fits, "{voice}");
        }
    }

    #[test]
    fn speeds() {
        for (speed, words) in [(1.0, 170), (0.0, 80), (100.0, 450), (f32::NAN, 170)] {
            assert_eq!(words_per_minute(speed), words);
        }
    }

    #[test]
    fn the_programs_wav_is_read_past_its_header() {
        let mut wav = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
        wav.extend(22_050_u32.to_le_bytes());
        wav.resize(44, 0);
        wav.extend([1, 0, 0xff, 0xff, 9]);
        let answer = wav_of_program(&wav).unwrap();
        assert_eq!((answer.rate, answer.pcm), (22_050, vec![1, -1]));
        assert!(wav_of_program(b"RIFF").is_err());
    }
}
