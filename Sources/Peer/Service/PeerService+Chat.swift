import Foundation
import Identity
import Inference
import MeshCore
import Wire

extension PeerService {
    /// One turn of a conversation: text in, streamed text out.
    func chat(_ request: ChatRequest, emit: @escaping @Sendable (ControlEvent) -> Void) async throws -> ChatDocument {
        let network = try await servingNetwork(named: request.network)
        guard !request.messages.isEmpty else { throw ServiceFailure("there is nothing to answer; give a prompt") }
        guard request.maxTokens > 0 else {
            throw ServiceFailure("an answer has at least one token; choose --max-tokens 1 or more")
        }
        guard let conversation = request.session.map({ SessionID(hex: $0) }) ?? SessionID(Entropy.bytes(16)) else {
            throw ServiceFailure("\(request.session ?? "") is no session; it has 32 hexadecimal digits")
        }
        let seed = seed(for: conversation, asked: request.choice.seed)
        let settings = try SamplingSettings(
            request.choice, format: request.format, seed: seed, vocabulary: network.config.model.vocabulary)
        let text = try await library.text(for: network.config.model)
        var answer = Answer(text, stop: try StopStrings(request.stop))
        let input = ChatInput(
            network: network.id, conversation: conversation,
            tokens: try await library.tokens(of: request.messages, for: text),
            maxNewTokens: request.maxTokens, stopTokens: text.stopTokens, task: .sampling(settings),
            goesOn: request.goesOn)

        let clock = ContinuousClock()
        let start = clock.now
        var firstToken: ContinuousClock.Instant?
        let (id, responses) = try await Responses().begin(.chat(input), on: live)
        for await response in responses {
            switch response {
            case .token(let choice):
                firstToken = firstToken ?? clock.now
                // Tokens may be on their way after the one that was the last.
                guard !answer.isStopped else { continue }
                if let part = answer.take(choice) { emit(.text(part)) }
                if answer.isStopped { live.cancel(id) }
            case .waiting(let sentence): emit(.notice(sentence))
            case .chatFinished(let outcome):
                let end = clock.now
                if let rest = answer.finish() { emit(.text(rest)) }
                let reason = answer.isStopped ? ChatOutcome.Reason.stop : outcome.reason
                return ChatDocument(
                    text: answer.text, tokenIDs: answer.tokens.map(Int.init), session: conversation.description,
                    network: network.config.name, seed: seed, finishReason: reason.rawValue,
                    route: outcome.route.map {
                        .init(peer: $0.peer.description, firstBlock: $0.blocks.first, lastBlock: $0.blocks.last)
                    }, reroutes: outcome.reroutes,
                    timings: .init(
                        promptTokens: outcome.promptTokens,
                        promptMilliseconds: ((firstToken ?? end) - start) / .milliseconds(1),
                        predictedTokens: answer.tokens.count,
                        predictedMilliseconds: (end - (firstToken ?? end)) / .milliseconds(1)),
                    logProbabilities: request.choice.logProbabilities == nil ? nil : answer.described)
            case .refused(let sentence): throw ServiceFailure(sentence)
            default: throw ServiceFailure.unexpected
            }
        }
        throw ServiceFailure("the answer was cancelled")
    }

    /// The network, where it can answer.
    func servingNetwork(named name: String?) async throws -> NetworkStatus {
        let network = try await network(named: name)
        if network.config.assignment.isEmpty {
            throw ServiceFailure(
                "the memory that members lend does not hold the model \(network.config.model.name) yet; "
                    + "let another peer join, or start one with a larger --share-memory")
        }
        return network
    }

    private func seed(for conversation: SessionID, asked: UInt64?) -> UInt64 {
        seeds.withLock { seeds in
            let known = seeds.first { $0.session == conversation }?.seed
            // Drawn within 53 bits, so that every reader of JSON repeats it exactly.
            let seed = asked ?? known ?? Entropy.bytes(8).reduce(0) { $0 << 8 | UInt64($1) } >> 11
            seeds.removeAll { $0.session == conversation }
            seeds.append((conversation, seed))
            if seeds.count > 1024 { seeds.removeFirst() }
            return seed
        }
    }
}

/// An answer as it grows, in tokens and in text.
private struct Answer {
    private var decoder: StreamingDecoder
    private let model: ModelText
    private var stop: StopStrings
    private(set) var tokens: [Int32] = []
    private(set) var text = ""
    /// What is told of tokens whose probabilities were asked for.
    private(set) var described: [ChatDocument.Token] = []

    init(_ model: ModelText, stop: StopStrings) {
        decoder = model.decoder
        self.model = model
        self.stop = stop
    }

    /// Whether a stop string has appeared.
    var isStopped: Bool { stop.found != nil }

    /// What the person sees of a token; nil where that is nothing yet. A token that ends the answer has no text.
    mutating func take(_ choice: TokenChoice) -> String? {
        tokens.append(choice.token)
        let part = model.stopTokens.contains(choice.token) ? "" : decoder.push(choice.token)
        if let logProbability = choice.logProbability {
            described.append(
                .init(
                    id: Int(choice.token), text: part, logProbability: Self.number(logProbability),
                    top: choice.best.map {
                        .init(
                            id: Int($0.token), text: model.text(of: $0.token),
                            logProbability: Self.number($0.logProbability))
                    }))
        }
        return show(stop.push(part))
    }

    mutating func finish() -> String? {
        let rest = stop.push(decoder.finish())
        return show(rest + stop.finish())
    }

    private mutating func show(_ part: String) -> String? {
        text += part
        return part.isEmpty ? nil : part
    }

    private static func number(_ logProbability: Double) -> Double? {
        logProbability.isFinite ? logProbability : nil
    }
}
