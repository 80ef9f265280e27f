#!/bin/bash
# Runs the program given as $1 as its users do.
set -uo pipefail
program=$1
. "$(dirname "$0")/expect.sh"

"$here/behaves" "$program" --limit 3 --epochs 1 --hidden 4 --seconds 2 --songs 1 --pretrain-rbm 1 --pretrain-rnn 1 || exit 1
"$here/resumes" "$program" --data chorales --limit 10 --epochs 30 --hidden 20 --seconds 4 --pretrain-rbm 2 \
  --pretrain-rnn 2 --score-frames 20 || exit 1
"$here/resumes" "$program" --data chorales --limit 10 --epochs 30 --hidden 20 --seconds 4 --classic --in-order \
  --transpose 3 --weight-decay 0.0001 --rule rmsprop || exit 1

short="--limit 5 --epochs 2 --hidden 8 --seconds 3 --songs 1 --quiet --pretrain-rbm 2 --pretrain-rnn 2"
"$program" $short --out first || fail "exit code $?"
# Music continues a file, and a folder of such files can be trained on.
"$program" $short --out second --prime first/real_1.mid --temperature 0.5 || fail "--prime: $?"
cmp -s first/song_1.mid second/song_1.mid && fail "--prime changes nothing"
"$program" $short --out third --data first || fail "--data of MIDI files: $?"
"$program" $short --out fourth --data first/real_1.mid || fail "--data of one MIDI file: $?"
expect 1 nowhere.mid $short --out none --prime nowhere.mid
[ ! -e none ] || fail "a run without its --prime left a folder"
# Each epoch has a score, the best is kept, and a run that gets no better ends.
expect 0 "its parameters are used" --limit 4 --hidden 4 --recurrent 4 --pretrain-rbm 2 --pretrain-rnn 2 --songs 1 \
  --seconds 2 --epochs 60 --patience 1 --lr 0.05 --average 0 --score-frames 16 --transpose 2 --out patient
[ "$(wc -l < patient/metrics.csv)" -lt 60 ] || fail "--patience ends nothing: $(cat patient/metrics.csv)"
grep -q "dissonant pairs" output || fail "songs are not told beside real ones: $(cat output)"
expect 0 "1 epoch is done" --classic --limit 4 --hidden 4 --epochs 1 --songs 0 --out classic
grep -q '"rule": "sgd"' classic/run.json || fail "--classic: $(cat classic/run.json)"
[ ! -e classic/best.npz ] || fail "--classic has no score"
# --wav makes sound, or says before training what is missing.
if "$program" $short --out wav --wav > output 2>&1; then
  [ "$(head -c 4 wav/song_1.wav)" = RIFF ] || fail "song_1.wav is no WAV file"
else
  grep -q "apt install" output || fail "no remedy for what --wav lacks: $(cat output)"
  [ ! -e wav ] || fail "a run without its --wav left a folder"
fi
DAMO_SOUNDFONT=nowhere.sf2 "$program" $short --out wav --wav > output 2>&1 && fail "no sound font"
grep -q "nowhere.sf2\|apt install" output || fail "the sound font is not named: $(cat output)"
