#!/bin/sh
# Makes the clips again. Needs flite and sox. The bytes may come out a little different; figures before and after are then
# of different sound.
set -e
cd "$(dirname "$0")"
clip() {
    flite -voice "$2" -t "$3" -o raw.wav
    sox -q -G raw.wav -r 8000 -c 1 -b 16 "$1.wav" norm -4 compand 0.005,0.1 6:-40,-14,-6 -5 -40 0.1 norm -3
}
clip whole-1 rms "Could I have an appointment on Thursday?"
clip whole-2 slt "How long does the first visit take?"
clip whole-3 rms "Please tell me where I can park."
clip half-1a rms "I would like to know whether"
clip half-1b rms "the doctor is in on Monday."
clip half-2a slt "The reason why I am calling is"
clip half-2b slt "that I need a new prescription."
clip half-3a rms "Could you please tell me how"
clip half-3b rms "I get to your office by bus?"
clip yes rms "Yes, that is fine."
rm raw.wav
