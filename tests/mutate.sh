#!/bin/sh
# Takes one guard at a time out of the conversation and shows which tests notice. A mutant that nobody notices is a test
# that is missing: the script then fails. Works on a copy; some minutes.
set -eu
cd "$(dirname "$0")/.."
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -z Cargo.toml Cargo.lock src/core media tests/scenarios tests/fuzz fixtures | xargs -0 cp --parents -t "$copy"
mkdir -p "$copy/src" && echo 'fn main() {}' >"$copy/src/main.rs"
# The copy is the pure crates alone.
sed -i -e 's/^members = .*/members = ["src\/core"]/' -e '/^default-members/d' -e '/^\[package\]/,/^\[profile/{/^\[profile/!d}' "$copy/Cargo.toml"
CARGO_TARGET_DIR=${MUTANTS_TARGET:-$copy/target}
export CARGO_TARGET_DIR WALK_EVENTS=200000
missed=0

# mutant NAME FILE PERL-SUBSTITUTION
mutant() {
    file=$copy/src/core/src/call/$2
    cp "$file" "$copy/kept"
    perl -0pi -e "$3" "$file"
    if cmp -s "$file" "$copy/kept"; then
        echo "mutant '$1' changes nothing: mend its pattern"
        exit 2
    fi
    by=
    log=$copy/log
    (cd "$copy" && cargo test -q -p trunkline-core --test conversations every_scenario >"$log" 2>&1) || {
        grep -q 'scenarios differ' "$log" || { cat "$log"; echo "mutant '$1' does not build"; exit 2; }
        by="$(grep -c 'written:' "$log") scenarios"
    }
    (cd "$copy" && cargo test -q -p trunkline-core --test conversations nothing_that_happens >"$log" 2>&1) ||
        by="$by walk ($(sed -n 's/^seed [0-9]*: //p' "$log" | head -n 1 | cut -c1-70))"
    [ -n "$by" ] || missed=$((missed + 1))
    printf '%-60s %s\n' "$1" "${by:-NOT NOTICED}"
    cp "$copy/kept" "$file"
}

mutant 'talking cuts the AI notice' listening.rs 's/\.speaking\.as_mut\(\)\.filter\(\|r\| !r\.is_protected\(\)\) \{\n            reply\.fate = Fate::Drop/.speaking.as_mut() {\n            reply.fate = Fate::Drop/'
mutant 'short unsure words count as words' listening.rs 's/let is_backchannel = is_unsure \|\| /let is_backchannel = /'
mutant 'events of dead replies live' speaking.rs 's/let Some\(reply\) = self\.speaking\.as_mut\(\)\.filter\(\|r\| r\.id == id\) else \{\n            return;\n        \};\n        if reply\.heard/let Some(reply) = self.speaking.as_mut() else {\n            return;\n        };\n        let _ = id;\n        if reply.heard/'
mutant 'a reply begins over a talking caller' speaking.rs 's/&& self\.caller\.talking\.is_none\(\)\n            && self\.caller\.missing_since\(\)\.is_none\(\);/\&\& self.caller.missing_since().is_none();/'
mutant 'a halted reply resumes while the caller talks' speaking.rs 's/let is_quiet = self\.overlap\.is_none\(\) && self\.caller\.talking\.is_none\(\);/let is_quiet = true;/'
mutant 'an empty answer is an answer' speaking.rs 's/After::Listen => return self\.mind_failed\(id, out\),/After::Listen => {}/'
mutant 'a reply answers without being heard' speaking.rs 's/self\.open\.answered\(reply\.answers\);\n        out/out/'
mutant 'the draft of a caller who goes on is said' listening.rs 's/self\.cancel_draft\(out\);\n        self\.owes_opening = false;\n        self\.add_words\(text, from, to\);/self.owes_opening = false;\n        self.add_words(text, from, to);/'
mutant 'a part of a phone number is whole' endpoint/digits.rs 's/\(Some\(Cue::Phone\), _\) => Part::Missing,/(Some(Cue::Phone), _) => Part::Whole,/'
mutant 'a number in groups is whole' endpoint/ending.rs 's/let in_groups = said\.paused_at > first\.at;/let in_groups = false;/'
mutant 'a whole number waits as if it were not' endpoint/digits.rs 's/\(Some\(Cue::Reference \| Cue::Short\), _\) => Part::Long,/(Some(Cue::Reference | Cue::Short), _) => Part::Missing,/'
mutant 'a part of a spelling is whole' endpoint/letters.rs 's/is_begun \|\| is_short \|\| goes_on/false/'
mutant 'an e-mail address ends anywhere' endpoint/letters.rs 's/is_cut\.then_some\(Part::Missing\)/None/'
mutant 'the question does not count' speaking.rs 's/self\.asked = last_heard;/let _ = last_heard;/'
mutant 'pauses are not learnt' turn.rs 's/self\.habits\.paused\(pause_ms\);/let _ = pause_ms;/'
mutant 'an answer that came too soon teaches nothing' turn.rs 's/self\.habits\.paused\(from\.since\(timing\.speech_end\)\);/let _ = timing.speech_end;/'
mutant 'a pause is never forgotten' speaking.rs 's/self\.habits\.answered\(self\.open\.has_pause\(\)\);//'
mutant 'a lost transcript is not missed' listening.rs 's/\(stopped\.since\(self\.transcribed\) > VERDICT_SLACK_MS\)\.then_some\(stopped\)/None.filter(|_: \&At| stopped.since(self.transcribed) > VERDICT_SLACK_MS)/'
mutant 'nudges never end' trouble.rs 's/self\.nudges \+= 1;//'
mutant 'the first ending does not stay' trouble.rs 's/if self\.ending\.is_none\(\) \{\n            self\.begin_ending/if true {\n            self.begin_ending/'
mutant 'the gate opens before the notice was heard' consent.rs 's/if notice\.left == 0 \{/if reply.notice_has_begun() {/'
mutant 'a notice that could not be voiced was heard' reply.rs 's/if clause\.over \|\| clause\.lost \|\| /if clause.over || /'
mutant 'a notice without marks was heard' trouble.rs 's/reply\.presumed_heard\(\)/reply.heard_whole()/'
mutant 'a yes counts before the end of the question' ../consent/gate.rs 's/let began_after = said\.from >= heard;/let began_after = said.to > heard;/'
mutant 'the key for yes counts before the end of the question' ../consent/gate.rs 's/State::Announcing\(round\) if round\.from\.is_some\(\) => \{\n                round\.doubt\.get_or_insert\(now\);\n                None/State::Announcing(round) if round.from.is_some() => {\n                self.grant(Method::PressedYes, now)/'
mutant 'words over the notice agree' ../consent/gate.rs 's/State::Heard\(round, heard\) if said\.to <= heard => self\.spoke_over\(round, said\),//'
mutant 'unsure words agree' consent.rs 's/if !is_sure \{/if !is_sure \&\& text.is_empty() {/'
mutant 'silence after the second question agrees' ../consent/gate.rs 's/round if round\.again => self\.refuse\(Refusal::NoAnswer\),/round if round.again => self.grant(Method::Silence, now),/'
mutant 'a withdrawal is ignored' ../consent/gate.rs 's/State::Granted\(_\) => \{\n                self\.state = State::Withdrawn;.*?\n            \}/State::Granted(_) => None,/s'
mutant 'a refusal is written down after its words' listening.rs 's/let objected = self\.object_in_words\(&found, from, out\);\n(.*?\}\)\);\n)/$1        let objected = self.object_in_words(\&found, from, out);\n/s'
mutant 'the mind is asked before consent is decided' control.rs 's/self\.gate\.is_decided\(\) && !self\.muted/!self.muted/'
mutant 'a muted mind is asked' control.rs 's/self\.gate\.is_decided\(\) && !self\.muted/self.gate.is_decided()/'
mutant 'keys from before the grant look like later ones' consent.rs 's/self\.note_keys\(out\);//'
mutant 'the mind may deny being an AI' speaking.rs 's/guard::denies_ai\(so_far/false \&\& guard::denies_ai(so_far/'
mutant 'a filler comes while the caller talks' filling.rs 's/\|\| !self\.caller\.is_quiet\(\)//'
mutant 'a muted agent fills silences' filling.rs 's/\|\| !self\.may_ask_mind\(\)//'
mutant 'fillers never end' filling.rs 's/self\.fillers\.count \+= 1;//'
mutant 'a silence in which nobody waits is filled' filling.rs 's/is_waited_for && is_stalled/(is_stalled || is_waited_for \&\& false)/'
mutant 'a long turn is filled at once' filling.rs 's/\.max\(thought\)//'
mutant 'one filler follows another' filling.rs 's/self\.fillers\.last = self\.now;//'
mutant 'a filler answers' reply.rs 's/!clause\.protected && !clause\.filler/!clause.protected/'
mutant 'a filler is said again' reply.rs 's/!c\.over && !c\.filler/!c.over/'
mutant 'a filler that is not at hand is a failure' trouble.rs 's/if clause\.filler \{/if false {/'
mutant 'an apology follows a filler' trouble.rs 's/!is_filling && !self/!self/g'
mutant 'what is inserted cuts a filler' speaking.rs 's/let is_early = /let is_early = false \&\& /'
mutant 'what sounds is a silence' speaking.rs 's/self\.hushed = None;//'
exit $missed
