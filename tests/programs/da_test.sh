#!/bin/bash
exec "$(dirname "$0")/resumes" "$1" --data bars8 --limit 4000 --epochs 30 --hidden 40
