#pragma once
// Files in and out: data sets, formats, pictures, what a run leaves. Link to damo::io.
#include <damo/io/dataset.hpp>
#include <damo/io/formats/csv.hpp>
#include <damo/io/formats/idx.hpp>
#include <damo/io/formats/midi.hpp>
#include <damo/io/formats/note_json.hpp>
#include <damo/io/formats/npy.hpp>
#include <damo/io/formats/npz.hpp>
#include <damo/io/pictures/html_page.hpp>
#include <damo/io/pictures/pictures.hpp>
#include <damo/io/pictures/png.hpp>
#include <damo/io/runs/checkpoint.hpp>
#include <damo/io/runs/folder_lock.hpp>
#include <damo/io/runs/record.hpp>
#include <damo/io/sequences.hpp>
#include <damo/models/saving.hpp>
