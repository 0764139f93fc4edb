import Foundation
import Peer

/// What people read of the documents that `--json` prints whole.
enum Views {
    static func status(_ status: StatusDocument) -> String {
        var facts = Facts()
        facts.add("peer", "\(status.name) (\(short(status.peer)))")
        facts.add("version", status.version)
        facts.add("links", status.listen.links)
        if let gateway = status.listen.gateway { facts.add("gateway", gateway) }
        facts.add("lends", "\(ByteSize(bytes: status.sharedMemory)) of memory, \(count(status.threads, "thread"))")
        if !status.models.isEmpty { facts.add("models", status.models.map(\.name).joined(separator: ", ")) }
        var text = facts.rendered()
        if status.networks.isEmpty {
            text += "\nIn no network yet: tiktrue network create, or tiktrue network join.\n"
        }
        for network in status.networks { text += "\n" + Views.network(network) }
        return text
    }

    static func networks(_ networks: [NetworkDocument]) -> String {
        guard !networks.isEmpty else { return "In no network yet: tiktrue network create, or tiktrue network join.\n" }
        var table = Table([
            Table.Column("NAME"), Table.Column("ID"), Table.Column("MODEL"), Table.Column("ROLE", minimum: 6),
            Table.Column("REVISION", isNumber: true), Table.Column("PEERS", isNumber: true),
            Table.Column("ALIVE", isNumber: true),
        ])
        for network in networks {
            table.add([
                network.name, short(network.id), network.model, network.role, "\(network.revision)",
                "\(network.peers.count)", "\(network.peers.count { $0.state == .alive })",
            ])
        }
        return table.rendered()
    }

    static func discovered(_ networks: [DiscoveredNetworkDocument]) -> String {
        guard !networks.isEmpty else {
            return "No network was heard; where multicast does not reach, start the peer with --seed HOST:PORT.\n"
        }
        var table = Table([
            Table.Column("NAME"), Table.Column("ID"), Table.Column("MODEL"), Table.Column("MEMBERS", isNumber: true),
            Table.Column("ADDRESSES"),
        ])
        for network in networks {
            table.add([
                network.name, short(network.id), network.model, "\(network.members.count)",
                network.members.map(\.address).joined(separator: ", "),
            ])
        }
        return table.rendered()
    }

    static func models(_ models: [ModelDocument]) -> String {
        guard !models.isEmpty else { return "No model yet: tiktrue model add FILE.\n" }
        var table = Table([
            Table.Column("NAME"), Table.Column("ARCHITECTURE"), Table.Column("BLOCKS", isNumber: true),
            Table.Column("SIZE", isNumber: true), Table.Column("PIECES HERE", isNumber: true), Table.Column("NETWORKS"),
        ])
        for model in models {
            table.add([
                model.name, model.architecture, "\(model.blockCount)", ByteSize(bytes: model.size).description,
                "\(model.heldPieces)/\(model.pieces)", model.networks.joined(separator: ", "),
            ])
        }
        return table.rendered()
    }

    static func model(_ model: ModelDocument) -> String {
        var facts = Facts()
        facts.add("model", model.name)
        facts.add("architecture", model.architecture)
        facts.add("blocks", "\(model.blockCount)")
        facts.add("size", "\(ByteSize(bytes: model.size)) in \(count(model.pieces, "piece")), \(model.heldPieces) here")
        facts.add("memory", "\(ByteSize(bytes: model.memory)) when ready to compute")
        facts.add("context", "\(count(model.contextLength, "token"))")
        facts.add("vocabulary", "\(count(model.vocabulary, "token"))")
        if let source = model.source { facts.add("file", source) }
        if !model.networks.isEmpty { facts.add("networks", model.networks.joined(separator: ", ")) }
        return facts.rendered()
    }

    static func events(_ events: [EventDocument]) -> String {
        guard !events.isEmpty else { return "Nothing has happened yet.\n" }
        return events.map { time($0.at, format: "%Y-%m-%d %H:%M:%S") + "  " + Visible.word($0.text) + "\n" }.joined()
    }

    static func bench(_ bench: BenchDocument) -> String {
        var facts = Facts()
        facts.add("model", bench.model)
        facts.add("instructions", bench.instructions)
        facts.add("weights", "\(ByteSize(bytes: UInt64(bench.memory.weights))) in memory")
        facts.add("cache", bench.cacheFormat)
        if let most = bench.memory.residentMax { facts.add("process", "\(ByteSize(bytes: UInt64(most))) at most") }
        facts.add(
            "hop", "\(decimal(bench.hop.p50, places: 3)) ms (median), \(decimal(bench.hop.p99, places: 3)) ms (99 %)")
        var table = Table([
            Table.Column("THREADS", isNumber: true), Table.Column("PREFILL tokens/s", isNumber: true),
            Table.Column("AT ONCE", isNumber: true), Table.Column("DECODE tokens/s", isNumber: true),
            Table.Column("MEMORY GB/s", isNumber: true),
            Table.Column("USED BY DECODING", isNumber: true),
        ])
        for run in bench.runs {
            table.add([
                "\(run.threads)", decimal(run.prefillTokensPerSecond, places: 1), "\(run.sequences)",
                decimal(run.decodeTokensPerSecond, places: 1), decimal(run.memoryBytesPerSecond / 1e9, places: 1),
                "\(decimal(run.decodeBandwidthShare * 100, places: 0)) %",
            ])
        }
        return facts.rendered() + "\n" + table.rendered()
    }

    static func perplexity(_ measured: PerplexityDocument) -> String {
        var facts = Facts()
        facts.add("model", measured.model)
        facts.add(
            "perplexity",
            "\(decimal(measured.perplexity, places: 4)) ± \(decimal(measured.standardError, places: 4))")
        facts.add(
            "tokens",
            "\(measured.scoredTokens) counted of \(measured.tokens), in \(count(measured.windows, "window")) of "
                + "\(measured.context)")
        facts.add("cache", measured.cacheFormat)
        facts.add("time", "\(decimal(measured.seconds, places: 1)) s, \(count(measured.threads, "thread"))")
        return facts.rendered()
    }

    /// The first eight digits of an id.
    static func short(_ id: String) -> String { String(id.prefix(8)) }

    static func spans(_ spans: [BlockSpan]) -> String {
        spans.isEmpty ? "-" : spans.map(\.description).joined(separator: ",")
    }

    static func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }

    private static func decimal(_ value: Double, places: Int) -> String { String(format: "%.\(places)f", value) }
}
