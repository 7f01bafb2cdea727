"""Walks the whole way, from ids to a stored score. Each pair enters a module once, in this order.

`loading_models`  an id and options become a model
`loading`         likewise a metric, a data set, a benchmark
`identifying`     an id becomes the identity of its network, loaded only where it is not known yet
`current`         the version that an id means now, for reports
`categories`      an id that names categories of sounds becomes the rows that count
`resampling`      windows of continuous sound become the rows of its responses
`dimensionality`  layers become how many dimensions they have, as they are read
`benchmark`       a data set and a metric become a benchmark
`keys`            identity, sounds and benchmark become the keys of a pair
`run`             a pair becomes a score, from the store or computed
`hearing`         the same in two steps, so that scoring needs no network
`origin`          the score says where it comes from
`isolation`       the first step in an environment of the plugin's own
`plan`            many pairs become steps, each model and set of sounds once
`forecast`        steps become memory, disk and time, before anything is loaded
`many`            all of it for many pairs, in this process
`cluster`         or on many
`checkpoints`     a folder, a glob or a place on the hub becomes the checkpoints of a training
`steps`           the name of a checkpoint becomes its step
"""
