// One session's way through the block chain, as two state machines that perform no I/O.
//
// A session is a sequence of tokens, and a key-value cache for it in every block. Blocks lie on several peers in
// contiguous ranges. The peer where the person chats runs a `Driver`; each peer that computes runs `Stages`, which holds one
// `Stage` for each range that it computes in each session. The driver's peer may be a stage too, and one peer two stages.
//
//     driver --Tokens--> stage 0 --Activation--> stage 1 --Activation--> stage 2
//       ^                                                                   |
//       +------------------------------Sampled-----------------------------+
//
// The protocol promises that the driver sees exactly the tokens that one undisturbed machine with all blocks would have sampled,
// each once and in order, whichever stages die, hang, restart, or go on with an old route, and that it always ends: with the
// answer, or with a reason. It assumes that
// - a link delivers in order or not at all. What is lost when a link breaks, or without a trace, is asked for again;
// - a computation is a function of the session's tokens up to its position: batches, threads and machines change no bit;
// - sampling is a function of logits, settings, position and the tokens before it;
// - the driver lives. Whoever takes a conversation over from a dead one starts from its tokens with a higher epoch.
//
// Epochs. The driver numbers its routes and tells each stage by `RouteOpen`. A stage obeys only a higher epoch than its own and
// drops frames of any other, so that a peer that was replaced but still runs disturbs nobody. There is only one cure for whatever
// goes wrong in a route: to open the next one, perhaps over the same stages.
//
// Text. Within an epoch the tokens that were fed only grow. A turn may go back to an earlier place first; then the next route says from which
// epoch on the text is this one, and how much of the text before it begins with (`TextCut`). A stage that was in the text before
// keeps that much; one that missed it too starts from nothing. Every later route says so again, for those who come late.
//
// Flow. A stage whose blocks are ready says `Resume` with the first position that it lacks to whoever feeds it. Nothing is sent
// before. Then positions flow in order, at most a window beyond what `StageProgress` has acknowledged; in an answer, where single
// positions pass, an acknowledgement comes only every half window. A stage that kept its cache asks for what follows it, a newcomer
// for position 0; both are served from the log of the stage before. A stage that was told to go back to what its log no longer
// holds goes back itself, and asks in turn: at the latest the driver has the tokens.
//
// Sampling. `sample` marks the position after which the driver awaits a token. On a new route the last stage learns it from
// `RouteOpen.awaiting`: what it has sampled there already it sends again, what it has applied without sampling it applies anew. Tokens
// travel along with the hidden states, since penalties and formats choose by what came before. A turn with other settings, or with a
// format, opens a new epoch over the same stages, which keep what they computed.
//
// Failure. The driver learns of it by a closed link, by `StageFailed`, or by silence; stages that load or compute for long give
// signs of life to keep it patient. It asks the composer for another route that keeps the stages that are good.
//
// What the caller owes to both machines
//  1. Hand in inputs one at a time, with a clock that never goes back, and carry out all effects of one before the next input.
//     Only an answer that is known at once, to `needBlocks` or `routeWanted`, may be handed in on the spot.
//  2. Hand every chain frame that arrives to `Stages`, and to the `Driver` of its session where there is one, with the peer that
//     the link was proven to belong to. Each ignores what is for the other. Frames that were decoded satisfy `Limits`.
//  3. Send frames to one peer in the order given. A frame to a peer without a link is dropped. A frame to oneself is handed in
//     like any other, after the effects of the input at hand.
//  4. Call `tick` at `nextDeadline`. It may come early or late; late only makes recovery slower.
//  5. Report closed links (`Driver.stageLost`) and new ones (`linked`) to all drivers, new ones also to `Stages`. A driver that is
//     not told of the new one takes the peer for lost until it opens its next route.
// What it owes to a driver
//  6. Answer `routeWanted` by `rerouted`, from holders that it can reach now; `RoutePlanner` does the choosing. Where there is none
//     it answers nil or nothing: the driver asks again, and `rerouted` may come unasked when peers return.
//  7. Append a turn only when `isIdle`. Store tokens as they come if the conversation is to outlive the process.
// What it owes to stages
//  8. Carry out effects on one `StageKey` in the order given. A truncation may follow a computation that still runs: it takes
//     effect after it, and the computation's result is handed in or not, as is convenient.
//  9. Hand in the result of every computation with its ticket. Answer every `needBlocks`, also for blocks that are ready, and also
//     if that takes minutes.
// 10. Bound their memory: `evicted` frees a session that was idle for long (`Stage.lastActivity`), `dropLog` frees a log
//     (`Stage.logBytes`) at the price of computing again if a neighbour fails later.
