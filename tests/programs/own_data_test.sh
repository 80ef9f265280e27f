#!/bin/bash
# Runs each command of docs/bring-your-own-data.md, in its order, on small data of the kind that it names. $1 is rbm, which
# the other programs lie beside.
set -uo pipefail
program=$1
document=$(realpath "$(dirname "$0")/../../docs/bring-your-own-data.md")
. "$(dirname "$0")/expect.sh"
programs=$(dirname "$program")

python3 - "$programs" << 'PYTHON' || fail "cannot make the data"
import gzip, json, os, struct, zlib
from array import array

def png(path, width, height, channels, gray):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    rows = b''.join(b'\0' + bytes((gray * (x + y) + y) % 256 for x in range(width) for _ in range(channels))
                    for y in range(height))
    chunk = lambda kind, data: struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    header = struct.pack('>IIBBBBB', width, height, 8, 0 if channels == 1 else 2, 0, 0, 0)
    open(path, 'wb').write(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', zlib.compress(rows)) +
                           chunk(b'IEND', b''))

def npy(descr, shape, data):
    header = str({'descr': descr, 'fortran_order': False, 'shape': shape}).ljust(117) + '\n'
    return b'\x93NUMPY\1\0' + struct.pack('<H', len(header)) + header.encode() + data

def npz(path, arrays):
    import zipfile
    with zipfile.ZipFile(path, 'w') as z:
        for name, data in arrays.items():
            z.writestr(name + '.npy', data)

for i in range(12):
    png('pictures/a%d.png' % i, 5, 4, 1 + 2 * (i % 2), i)
    png('mixed-sizes/a%d.png' % i, 5 + i, 4 + i % 3, 1, i)
    for kind in ('cats', 'dogs'):
        png('pictures-by-class/train/%s/%d.png' % (kind, i), 4, 4, 3, i)
        png('pictures-by-class/test/%s/%d.png' % (kind, i), 4, 4, 3, i)
images = bytes((7 * i) % 256 for i in range(30 * 16))
labels = lambda n: array('q', [i % 3 for i in range(n)]).tobytes()
open('images.npy', 'wb').write(npy('|u1', (30, 4, 4), images))
open('big-endian-float16.npy', 'wb').write(npy('>f2', (30, 16), b''.join(struct.pack('>e', v / 255) for v in images)))
npz('mnist-like.npz', {'x_train': npy('|u1', (30, 4, 4), images), 'y_train': npy('<i8', (30,), labels(30)),
                       'x_test': npy('|u1', (10, 4, 4), images[:160]), 'y_test': npy('<i8', (10,), labels(10))})
table = ''.join(','.join(str((i * j) % 2) for j in range(9)) + '\n' for i in range(30))
for part in ('train', 'valid', 'test'):
    gzip.open('binary.%s.csv.gz' % part, 'wt').write(table)
open('labelled.csv', 'w').write('label,' + ','.join('p%d' % i for i in range(9)) + '\n' +
                                ''.join('%d,%s\n' % (i % 3, line) for i, line in enumerate(table.split())))
idx = lambda kind, sizes, data: bytes([0, 0, kind, len(sizes)]) + struct.pack('>%dI' % len(sizes), *sizes) + data
open('faces.idx', 'wb').write(idx(13, (30, 4, 4), b''.join(struct.pack('>f', v / 255) for v in images)))
os.mkdir('idx-folder')
for part in ('train', 'test'):
    open('idx-folder/my-%s-images-idx3-ubyte' % part, 'wb').write(idx(8, (30, 4, 4), images))
    open('idx-folder/my-%s-labels-idx1-ubyte' % part, 'wb').write(idx(8, (30,), bytes(i % 3 for i in range(30))))
open('pics', 'wb').write(idx(8, (30, 4, 4), images))
open('labels', 'wb').write(idx(8, (30,), bytes(i % 3 for i in range(30))))
os.mkdir('x-and-y')
open('x-and-y/X_train.npy', 'wb').write(npy('|u1', (30, 4, 4), images))
open('x-and-y/y_train.npy', 'wb').write(npy('<i8', (30,), labels(30)))
for name in ('first', 'second'):
    open(name + '.npy', 'wb').write(npy('|b1', (30, 16), bytes(i % 2 for i in range(480))))

def midi(path, pitch, channel=0):
    os.makedirs(os.path.dirname(path) or '.', exist_ok=True)
    events = b''.join(bytes([0, 0x90 + channel, pitch + i % 5, 64, 0x60, 0x80 + channel, pitch + i % 5, 0])
                      for i in range(30)) + b'\0\xff\x2f\0'
    open(path, 'wb').write(b'MThd\0\0\0\6\0\0\0\1\0\x60MTrk' + struct.pack('>I', len(events)) + events)

for i in range(6):
    midi('tunes/tune%d.mid' % i, 50 + i)
midi('tunes/deep/TUNE.KAR', 70)
midi('tunes/drums.mid', 40, 9)
open('tunes/broken.mid', 'wb').write(b'MThd')
midi('one-tune.mid', 60)
open('list.txt', 'w').write('one-tune.mid\ntunes/tune1.mid\n')
piece = [[60.0 + i % 3, 64] for i in range(20) for _ in range(4)]
json.dump({'train': [piece] * 3, 'valid': [piece], 'test': [piece]}, open('chorales-16th.json', 'w'))
roll = npy('<f4', (20, 88), b''.join(struct.pack('<f', (i % 9) == 0) for i in range(20 * 88)))
npz('rolls.npz', {'train_a': roll, 'train_b': roll, 'valid': roll, 'test': roll})
PYTHON

commands=0
while read -r command; do
  case $command in
    *--resume*) small="" ;;
    rnn_rbm*) small="--epochs 1 --hidden 4 --recurrent 4 --pretrain-rbm 1 --pretrain-rnn 1 --seconds 2 --songs 1" ;;
    rbm*) small="--epochs 1 --batch 5 --hidden 4 --k 1 --plot-every 1" ;;
    *) small="--epochs 1 --batch 5 --hidden 4" ;;
  esac
  case $command in
    new_energy_model*) end="pictures in" ;;
    *) end="All of it on one page" ;;
  esac
  # shellcheck disable=SC2086
  eval "\"$programs\"/$command" $small > output 2>&1 || fail "$command: $(cat output)"
  grep -q "$end" output || fail "$command: $(cat output)"
  commands=$((commands + 1))
done < <(sed -n '/^```/,/^```/p' "$document" | grep -v '^```')
[ $commands -ge 15 ] || fail "only $commands commands in $document"

# What programs say of such data.
music="--epochs 1 --hidden 4 --recurrent 4 --seconds 2 --songs 1 --pretrain-rbm 0 --pretrain-rnn 0"
# shellcheck disable=SC2086
"$programs/rnn_rbm" --data tunes $music > output 2>&1 || fail "$(cat output)"
grep -q "8 of 9 read, 1 skipped (first: tunes/broken.mid: .*), 12 % drum notes left out" output ||
  fail "no account of what was skipped: $(cat output)"
expect 0 "split by seed 1234: 24 images to train on, 3 to validate, 3 to test" \
  --data images.npy --epochs 1 --batch 5 --hidden 4 --k 1 --plot-every 1
expect 1 "--resize" --data mixed-sizes --epochs 1
expect 1 "mogrify" --data "$(mkdir photos && touch photos/a.jpg && echo photos)"
expect 2 "no size" --data images.npy --resize large
printf '0.5,nan\n1,0\n' > nan.csv
expect 1 "are accepted" --data nan.csv
expect 1 "PNG, npz, npy, idx" --data ./nowhere
"$programs/rnn_rbm" --data ./nowhere > output 2>&1 && fail "rnn_rbm reads nowhere"
grep -q "folders of MIDI files, .mid, .*.npz and .txt files are read" output || fail "$(cat output)"
"$programs/stacked_da" --data images.npy > output 2>&1 && fail "stacked_da takes images without classes"
grep -q "a column 'label', y in an npz or a file of labels beside" output || fail "$(cat output)"
# What conv_rbm reads is the same.
"$programs/conv_rbm" --data pictures --epochs 1 --batch 5 --hidden 2 --filter 2 > output 2>&1 || fail "conv_rbm: $(cat output)"
