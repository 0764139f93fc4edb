import Chain
import Identity
import MeshCore
import NetworkConfig
import Wire

// Inputs, effects and frames, in a word and two numbers each, for traces.

extension Mark {
    private init(_ name: String, _ code: UInt64, _ first: UInt64 = 0, _ second: UInt64 = 0) {
        self.init(name: name, code: code, first: first, second: second)
    }

    init(_ frame: Frame) {
        switch frame {
        case .hello: self.init("hello", 1)
        case .ping: self.init("ping", 2)
        case .pong: self.init("pong", 3)
        case .beacon(let signed): self.init("beacon", 4, signed.digits)
        case .gossip(_, let message): self.init(message)
        case .proposal(_, let command, let attempt): self.init("proposal", 7, command.digits, UInt64(attempt))
        case .proposalResult(let result): self.init("result", 8, result.proposal.low, result.revision.value)
        case .pieceRequest(let request): self.init("want", 9, request.digest.digits, request.offset)
        case .pieceData(let data): self.init("piece", 10, data.digest.digits, data.offset)
        case .routeOpen(let open): self.init("route", 11, open.session.low, open.epoch.value)
        case .resume(let resume): self.init("resume", 12, resume.session.low, UInt64(resume.next.value))
        case .tokens(let tokens): self.init("tokens", 13, tokens.session.low, UInt64(tokens.first.value))
        case .activation(let part): self.init("activation", 14, part.session.low, UInt64(part.first.value))
        case .sampled(let sampled): self.init("sampled", 15, sampled.session.low, UInt64(sampled.position.value))
        case .embedded(let embedded): self.init("embedded", 28, embedded.session.low, UInt64(embedded.position.value))
        case .stageProgress(let progress):
            self.init("progress", 16, progress.session.low, UInt64(progress.next.value))
        case .stageFailed(let failed): self.init("failed", 17, failed.session.low, failed.epoch.value)
        case .sessionClose(let session, let epoch): self.init("close", 18, session.low, epoch.value)
        case .configOffer(_, let version): self.init("offer", 20, version.revision.value, version.generation)
        case .configRequest(_, let known): self.init("wants config", 21, known.revision.value, known.generation)
        case .config(_, let certified): self.init("config", 22, UInt64(certified.chain.count), certified.config.digits)
        case .vouch(_, let version, let header, _): self.init("vouch", 23, version.revision.value, header.digits)
        case .raft(_, _, let message): self.init(message)
        case .standingRequest(_, _, let question): self.init("asks standing", 26, question)
        case .standing(_, _, _, let standing):
            self.init("standing", 27, standing.term.value, standing.lastIndex.value)
        }
    }

    init(_ input: Input) {
        switch input {
        case .woke: self.init("wakes", 40)
        case .addressesChanged(let endpoints): self.init("addresses", 41, UInt64(endpoints.count))
        case .datagramReceived(let bytes, _):
            self.init("beacon", 42, UInt64(bytes.count), Array(bytes.suffix(8)).digits)
        case .gossipReceived(_, let message, _, _): self.init(message)
        case .linkOpened(let info): self.init("linked", 44, info.id.value, info.purpose == .member ? 1 : 2)
        case .linkClosed(let link, _): self.init("unlinked", 45, link.value)
        case .dialFailed(let tag, _): self.init("no dial", 46, tag.value)
        case .received(let frame, _): self.init(frame)
        case .persisted(let ticket): self.init("synced", 47, ticket.value)
        case .partOpened(let digest, let offset): self.init("part opened", 48, digest.digits, offset)
        case .partWritten(let digest, let next): self.init("part written", 49, digest.digits, next)
        case .partFailed(let digest, _): self.init("part failed", 50, digest.digits)
        case .pieceStored(let digest): self.init("piece stored", 51, digest.digits)
        case .pieceRemoved(let digest): self.init("piece removed", 52, digest.digits)
        case .partRead(let link, let request, let total, let bytes):
            self.init("part read", 53, link.value << 40 | request.offset, total &+ UInt64(bytes?.count ?? 0))
        case .residencyChanged(_, let loaded, let refused, _):
            self.init("loaded", 54, UInt64(loaded.count), UInt64(refused.count))
        case .computed(_, let key, _): self.init("computed", 55, key.session.low, UInt64(key.firstBlock))
        case .requested(let id, _): self.init("asked", 56, id.value)
        case .cancelled(let id): self.init("cancelled", 57, id.value)
        case .stopping: self.init("stopping", 58)
        }
    }

    /// Nil for what is no news in itself: the log.
    init?(_ effect: Effect) {
        switch effect {
        case .multicast(let bytes): self.init("calls out", 60, UInt64(bytes.count), Array(bytes.suffix(8)).digits)
        case .dial(_, _, let purpose, let tag): self.init("dials", 61, tag.value, purpose == .member ? 1 : 2)
        case .send(let frame, _): self.init(frame)
        case .closeLink(let link, _): self.init("unlinks", 63, link.value)
        case .gossip(_, let message, _, _): self.init(message)
        case .probeLink(let link): self.init("probes", 59, link.value)
        case .persistLedger(let ticket, _, _): self.init("writes ledger", 64, ticket.value)
        case .persistRaft(let ticket, _, _, let write):
            self.init("writes log", 65, ticket.value, write.entries.last?.index.value ?? 0)
        case .forgetNetwork: self.init("forgets", 66)
        case .raiseEpoch(_, let epoch): self.init("lives anew", 58, epoch)
        case .openPart(let piece): self.init("opens part", 67, piece.digest.digits)
        case .writePart(let digest, let offset, _): self.init("writes part", 68, digest.digits, offset)
        case .readPart(_, let request): self.init("reads part", 69, request.digest.digits, request.offset)
        case .reside(_, _, let pinned, let wanted):
            self.init(
                "loads", 70, UInt64(pinned.reduce(0) { $0 + $1.count }), UInt64(wanted.reduce(0) { $0 + $1.count }))
        case .compute(let work): self.init("computes", 71, work.key.session.low, UInt64(work.first.value))
        case .truncateCache(let key, let position):
            self.init("truncates", 72, key.session.low, UInt64(position.value))
        case .resetCache(let key, _, let blocks): self.init("resets", 73, key.session.low, UInt64(blocks.first))
        case .dropCache(let key): self.init("drops", 74, key.session.low, UInt64(key.firstBlock))
        case .respond(let id, let response): self.init("answers", 75, id.value, response.digits)
        case .log: return nil
        }
    }

    init(_ message: GossipMessage) {
        switch message.kind {
        case .ping(let sequence): self.init("swim ping", 80, UInt64(sequence), UInt64(message.rumours.count))
        case .ack(let sequence): self.init("swim ack", 81, UInt64(sequence), UInt64(message.rumours.count))
        case .pingRequest(let sequence, let target): self.init("ping for me", 82, UInt64(sequence), target.digits)
        case .nack(let sequence): self.init("swim nack", 83, UInt64(sequence))
        case .news: self.init("news", 84, UInt64(message.rumours.count), UInt64(message.records.count))
        }
    }

    init(_ message: RaftMessage) {
        let term = message.term.value
        switch message.kind {
        case .preVote(let lastIndex, _): self.init("prevote?", 90, term, lastIndex.value)
        case .preVoteReply(let granted): self.init(granted ? "prevote yes" : "prevote no", granted ? 91 : 92, term)
        case .vote(let lastIndex, _, _): self.init("vote?", 93, term, lastIndex.value)
        case .voteReply(let granted): self.init(granted ? "vote yes" : "vote no", granted ? 94 : 95, term)
        case .append(let previous, _, _, let entries, _):
            let last = entries.last?.index ?? previous
            self.init(entries.isEmpty ? "heartbeat" : "append", entries.isEmpty ? 96 : 97, term, last.value)
        case .appended(let match, _): self.init("appended", 98, term, match.value)
        case .appendRefused(let previous, _, _, _, _): self.init("refused", 99, term, previous.value)
        case .snapshot(let snapshot, _): self.init("snapshot", 100, term, snapshot.index.value)
        case .timeoutNow: self.init("lead now", 101, term)
        }
    }

    static func fault(_ kind: Fault.Kind, over: Bool) -> Mark {
        let place = Fault.Kind.allCases.firstIndex(of: kind) ?? 0
        return Mark(
            name: over ? "// \(kind.rawValue) ends" : "** \(kind.rawValue)",
            code: UInt64(120 + place * 2 + (over ? 1 : 0)))
    }

    static func machine(_ what: String, _ code: UInt64, _ number: UInt64 = 0) -> Mark {
        Mark(name: what, code: code, first: number)
    }
}

extension [UInt8] {
    /// Enough of the bytes to tell them from others.
    var digits: UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in self { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return hash
    }
}

extension Digest {
    var digits: UInt64 { bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) } }
}

extension PeerID {
    var digits: UInt64 { bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) } }
}

extension Signed {
    var digits: UInt64 { signature.prefix(8).reduce(0) { $0 << 8 | UInt64($1) } }
}

extension Response {
    /// Which kind of answer, and what of it must not differ between two runs.
    var digits: UInt64 {
        switch self {
        case .token(let choice): UInt64(UInt32(bitPattern: choice.token)) << 8 | 1
        case .embedding(let payload): payload.bytes.digits
        case .changed(let revision), .recovered(let revision), .modelSet(let revision): revision.value << 8 | 3
        case .refused(let why): Array(why.utf8).digits
        case .waiting(let what): Array(what.utf8).digits
        default: 2
        }
    }
}
