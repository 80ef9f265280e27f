#include "support/music.hpp"

#include <fmt/format.h>

#include <damo/io/pictures/pictures.hpp>

#include "support/program.hpp"

namespace damo::examples {

void add_music_options(Cli& cli, MusicOptions& o) {
  cli.choice("--data", o.data, "music", io::sequence_names(), true);
  cli.option("--limit", o.limit, "train on this many pieces only; 0 is all", {0, 1e9});
  add_training_options(cli, o);
  cli.option("--hidden", o.hidden, "hidden units of the RBM", {1, 100000});
  cli.option("--recurrent", o.recurrent, "units of the recurrent network", {1, 100000});
  cli.option("--k", o.k, "Gibbs steps in an update", {1, 100000});
  cli.choice("--rule", o.rule, "update rule; the classic program's is sgd with --clip 0",
             models::update_rule_names());
  cli.option("--rnn-lr", o.rnn_lr, "learning rate of the recurrent part; 0 is --lr", {0, 1e38});
  cli.option("--clip", o.clip, "largest joint norm of the gradients; 0 is no limit", {0, 1e38});
  cli.option("--weight-decay", o.weight_decay, "L2 weight decay of the matrices", {0, 1});
  cli.option("--dropout", o.dropout, "share of the state that training hides from the RBM",
             {0, 0.99});
  cli.option("--average", o.average,
             "compose with running averages of the parameters of this rate; 0 is none", {0, 1});
  cli.flag("--learn-u0", o.learn_u0, "learn the state before the first frame");
  cli.option("--pretrain-rbm", o.pretrain_rbm,
             "epochs of training the RBM on single frames before all else", {0, 1e6});
  cli.option("--pretrain-rnn", o.pretrain_rnn,
             "epochs of training the recurrent part alone after that", {0, 1e6});
  cli.option("--dt", o.dt, "length of a frame; 0 is as it fits: 0.3 for MIDI files", {0, 4, "s"});
}

MusicOptions music_options(const io::Record& run) {
  MusicOptions o;
  Cli cli("rnn_rbm", "");
  add_music_options(cli, o);
  cli.restore(run, "run.json");
  return o;
}

io::SequenceSet load_music(const MusicOptions& o) {
  if (o.dt > 0 && o.dt < 0.01) throw UsageError("--dt: frames last at least 0.01 s");
  io::SequenceSet data = io::load_sequences(o.data, {.dt = o.dt});
  if (!o.quiet) {
    for (const std::string& note : data.notes) say(stdout, note + "\n");
  }
  const auto limit = static_cast<std::size_t>(o.limit);
  if (limit > 0 && limit < data.train.size()) data.train.resize(limit);
  return data;
}

io::Record music_info(const io::SequenceSet& data) {
  io::Record info;
  info.set("pieces", data.train.size())
      .set("data_source", data.source)
      .set("data_fingerprint", data.fingerprint)
      .set("frame_seconds", data.roll.dt);
  if (!data.notes.empty()) info.set("data_notes", fmt::format("{}", fmt::join(data.notes, "; ")));
  return info;
}

models::RnnRbm make_model(const MusicOptions& o, const io::RollOptions& roll) {
  return models::RnnRbm({.n_hidden = o.hidden,
                         .n_hidden_recurrent = o.recurrent,
                         .lr = o.lr,
                         .pitch_range = {roll.low, roll.high},
                         .dt = roll.dt,
                         .k = o.k,
                         .seed = static_cast<std::uint64_t>(o.seed),
                         .rule = models::parse_update_rule(o.rule),
                         .rnn_lr = o.rnn_lr,
                         .clip = o.clip,
                         .weight_decay = o.weight_decay,
                         .dropout = o.dropout,
                         .average = o.average,
                         .learn_initial_state = o.learn_u0});
}

void write_song(const RunFolder& folder, const std::string& name, const Array& roll,
                const io::RollOptions& options) {
  io::write_midi(folder.output(name + ".mid"), roll, options);
  io::write_png(folder.output(name + ".png"), io::draw_piano_roll(roll, options, name));
}

}  // namespace damo::examples
