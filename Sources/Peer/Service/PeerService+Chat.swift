import Foundation
import Identity
import Inference
import MeshCore
import Wire

extension PeerService {
    /// One turn of a conversation: text in, streamed text out.
    func chat(_ request: ChatRequest, emit: @escaping @Sendable (ControlEvent) -> Void) async throws -> ChatDocument {
        let network = try await network(named: request.network)
        guard !request.messages.isEmpty else { throw ServiceFailure("there is nothing to answer; give a prompt") }
        guard request.maxTokens > 0 else {
            throw ServiceFailure("an answer has at least one token; choose --max-tokens 1 or more")
        }
        if network.config.assignment.isEmpty {
            throw ServiceFailure(
                "the memory that members lend does not hold the model \(network.config.model.name) yet; "
                    + "let another peer join, or start one with a larger --share-memory")
        }
        let text = try await library.text(for: network.config.model)
        let tokens = try text.tokens(of: request.messages)
        guard let conversation = request.session.map({ SessionID(hex: $0) }) ?? SessionID(Entropy.bytes(16)) else {
            throw ServiceFailure("\(request.session ?? "") is no session; it has 32 hexadecimal digits")
        }
        let seed = seed(for: conversation, asked: request.seed)
        // What the sampler refuses is told before anything is computed.
        _ = try SamplingParameters(
            temperature: request.temperature, topK: request.topK, topP: request.topP, seed: seed)
        let input = ChatInput(
            network: network.id, conversation: conversation, tokens: tokens, maxNewTokens: request.maxTokens,
            stopTokens: text.stopTokens,
            sampling: SamplingSettings(
                temperature: request.temperature, topK: request.topK, topP: request.topP, seed: seed),
            goesOn: request.goesOn)

        var answer = Answer(decoder: text.decoder, stopTokens: text.stopTokens)
        let clock = ContinuousClock()
        let start = clock.now
        var firstToken: ContinuousClock.Instant?
        for await response in try await Responses().of(.chat(input), from: live) {
            switch response {
            case .token(let token):
                firstToken = firstToken ?? clock.now
                if let part = answer.take(token) { emit(.text(part)) }
            case .waiting(let sentence): emit(.notice(sentence))
            case .chatFinished(let outcome):
                let end = clock.now
                if let rest = answer.finish() { emit(.text(rest)) }
                return ChatDocument(
                    text: answer.text, tokenIDs: answer.tokens.map(Int.init), session: conversation.description,
                    network: network.config.name, seed: seed, finishReason: outcome.reason.rawValue,
                    route: outcome.route.map {
                        .init(peer: $0.peer.description, firstBlock: $0.blocks.first, lastBlock: $0.blocks.last)
                    }, reroutes: outcome.reroutes,
                    timings: .init(
                        promptTokens: outcome.promptTokens,
                        promptMilliseconds: ((firstToken ?? end) - start) / .milliseconds(1),
                        predictedTokens: answer.tokens.count,
                        predictedMilliseconds: (end - (firstToken ?? end)) / .milliseconds(1)))
            case .refused(let sentence): throw ServiceFailure(sentence)
            default: throw ServiceFailure.unexpected
            }
        }
        throw ServiceFailure("the answer was cancelled")
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
    var decoder: StreamingDecoder
    let stopTokens: [Int32]
    var tokens: [Int32] = []
    var text = ""

    /// What the person sees of a token; nil where that is nothing yet. A token that ends the answer has no text.
    mutating func take(_ token: Int32) -> String? {
        tokens.append(token)
        if stopTokens.contains(token) { return nil }
        return show(decoder.push(token))
    }

    mutating func finish() -> String? { show(decoder.finish()) }

    private mutating func show(_ part: String) -> String? {
        text += part
        return part.isEmpty ? nil : part
    }
}
