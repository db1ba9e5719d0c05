#!/bin/sh
# One training run of the lab, on one core or one GPU. Both batch systems start this file.
#   sh jobs/train.sh KIND EPOCHS [further options of train_sentiment.py]
# KIND is a class of solution.py: rnn, lstm, or what you have added to KINDS in train_sentiment.py.
set -eu
kind=${1:-lstm}
epochs=${2:-10}
test $# -lt 2 || shift 2
cd "$(dirname "$0")/.."
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
exec "${PYTHON:-python3}" train_sentiment.py "$kind" --epochs "$epochs" --out runs "$@"
