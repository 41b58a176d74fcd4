"""Phonemes and plain speech from eSpeak NG, in a process of its own.

Started as `python3 -I -u -c <this> LIBRARY DATA_FOLDER`. Reads one JSON object a line, answers each with one
JSON line; a `speak` answer is followed by `bytes` bytes of 16-bit little-endian mono audio. Ends with its input.

  {"op": "phonemes", "voice": "en-us", "text": "..."}             -> {"ok": true, "phonemes": "..."}
  {"op": "speak", "voice": "en-gb+f3", "rate": 170, "text": "..."} -> {"ok": true, "rate": 22050, "bytes": 1234}
  anything it cannot do                                            -> {"ok": false, "error": "..."}
"""
import ctypes
import json
import sys

AUDIO_OUTPUT_SYNCHRONOUS = 2
INITIALIZE_DONT_EXIT = 0x8000
CHARS_UTF8 = 1
PHONEMES_IPA = 2
PARAMETER_RATE = 1
POSITION_CHARACTER = 1
PCM_BYTES_MAX = 22050 * 2 * 60
CLAUSES_MAX = 400

library = ctypes.CDLL(sys.argv[1])
library.espeak_TextToPhonemes.restype = ctypes.c_char_p
library.espeak_TextToPhonemes.argtypes = [ctypes.POINTER(ctypes.c_void_p), ctypes.c_int, ctypes.c_int]
library.espeak_SetVoiceByName.argtypes = [ctypes.c_char_p]
library.espeak_Synth.argtypes = [
    ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int,
    ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p,
]
# The data folder is named by its parent in older releases and by itself in newer ones: both are tried.
sample_rate = library.espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 0, sys.argv[2].encode(), INITIALIZE_DONT_EXIT)
if sample_rate <= 0:
    sys.exit(3)

pcm = bytearray()


def collect(samples, count, _events):
    """Takes the next piece of audio; answering 1 stops the synthesis."""
    if samples and count > 0:
        pcm.extend(ctypes.string_at(samples, count * 2))
    return 1 if len(pcm) > PCM_BYTES_MAX else 0


CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
callback = CALLBACK(collect)
library.espeak_SetSynthCallback(callback)
current_voice = None


def use_voice(name):
    """Sets the voice when it is not the current one."""
    global current_voice
    if name != current_voice:
        if library.espeak_SetVoiceByName(name.encode()) != 0:
            current_voice = None
            raise ValueError("no such voice")
        current_voice = name


def phonemes(request):
    """The IPA of a text, its clauses joined by spaces."""
    use_voice(request["voice"])
    buffer = ctypes.create_string_buffer(request["text"].encode())
    position = ctypes.c_void_p(ctypes.addressof(buffer))
    clauses = []
    while position.value and len(clauses) < CLAUSES_MAX:
        found = library.espeak_TextToPhonemes(ctypes.byref(position), CHARS_UTF8, PHONEMES_IPA)
        if found:
            clauses.append(found.decode().strip())
    return {"ok": True, "phonemes": " ".join(clause for clause in clauses if clause)}, b""


def speak(request):
    """The audio of a text."""
    use_voice(request["voice"])
    library.espeak_SetParameter(PARAMETER_RATE, max(80, min(450, int(request["rate"]))), 0)
    pcm.clear()
    text = request["text"].encode()
    if library.espeak_Synth(text, len(text) + 1, 0, POSITION_CHARACTER, 0, CHARS_UTF8, None, None) != 0:
        raise ValueError("synthesis failed")
    return {"ok": True, "rate": sample_rate, "bytes": len(pcm)}, bytes(pcm)


OPERATIONS = {"phonemes": phonemes, "speak": speak}
for line in sys.stdin.buffer:
    try:
        asked = json.loads(line)
        answer, audio = OPERATIONS[asked["op"]](asked)
    except Exception as error:
        answer, audio = {"ok": False, "error": type(error).__name__}, b""
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + audio)
    sys.stdout.buffer.flush()
