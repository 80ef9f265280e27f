#!/bin/bash
# Runs the program given as $1 as its users do.
set -uo pipefail
program=$1
. "$(dirname "$0")/expect.sh"

"$here/behaves" "$program" --limit 3 --epochs 1 --hidden 4 --seconds 2 --songs 1 || exit 1
"$here/resumes" "$program" --data chorales --limit 10 --epochs 30 --hidden 20 --seconds 4 || exit 1
"$here/resumes" "$program" --data chorales --limit 10 --epochs 30 --hidden 20 --seconds 4 --dropout 0.5 \
  --average 0.1 --learn-u0 --rnn-lr 0.002 --weight-decay 0.0001 --rule rmsprop --pretrain-rbm 2 \
  --pretrain-rnn 2 || exit 1

short="--limit 5 --epochs 2 --hidden 8 --seconds 3 --songs 1 --quiet"
"$program" $short --out first || fail "exit code $?"
# Music continues a file, and a folder of such files can be trained on.
"$program" $short --out second --prime first/real_1.mid --temperature 0.5 || fail "--prime: $?"
cmp -s first/song_1.mid second/song_1.mid && fail "--prime changes nothing"
"$program" $short --out third --data first || fail "--data of MIDI files: $?"
"$program" $short --out fourth --data first/real_1.mid || fail "--data of one MIDI file: $?"
expect 1 nowhere.mid $short --out none --prime nowhere.mid
[ ! -e none ] || fail "a run without its --prime left a folder"
# --wav makes sound, or says before training what is missing.
if "$program" $short --out wav --wav > output 2>&1; then
  [ "$(head -c 4 wav/song_1.wav)" = RIFF ] || fail "song_1.wav is no WAV file"
else
  grep -q "apt install" output || fail "no remedy for what --wav lacks: $(cat output)"
  [ ! -e wav ] || fail "a run without its --wav left a folder"
fi
DAMO_SOUNDFONT=nowhere.sf2 "$program" $short --out wav --wav > output 2>&1 && fail "no sound font"
grep -q "nowhere.sf2\|apt install" output || fail "the sound font is not named: $(cat output)"
