#!/bin/bash
exec "$(dirname "$0")/resumes" "$1" --data chorales --limit 10 --epochs 30 --hidden 20 --seconds 4
