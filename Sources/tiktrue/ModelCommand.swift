import ArgumentParser
import Peer

struct ModelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model", abstract: "Add, show and remove models.",
        subcommands: [Add.self, List.self, Show.self, Remove.self])

    func run() throws { throw MissingCommand(after: ModelCommand.self) }

    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Cut a model into pieces, so that a network can be made with it.")

        @Argument(
            help: ArgumentHelp(
                """
                A model: a file in GGUF, one of several that a model is split into, or a directory of safetensors with \
                config.json and tokenizer.json.
                """))
        var file: String
        @Option(help: "What the model is called. (default: the name of its file, without .gguf, or directory)")
        var name: String?
        @OptionGroup var peer: PeerOptions
        @OptionGroup var output: OutputOptions

        func validate() throws {
            if let name, name.isEmpty || name.utf8.count > ControlWords.nameBytes {
                throw ValidationError("'--name' takes 1 to \(ControlWords.nameBytes) bytes")
            }
            guard !file.contains("://") else {
                throw ValidationError("a model is added from this machine; fetch it first, with all files that it has")
            }
        }

        func run() throws {
            let path = PeerPaths.absolute(file)
            let request = ControlRequest.modelAdd(path: path, name: name ?? PeerPaths.modelName(forFile: path))
            try output.show(model: try peer.ask(request))
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the models that this peer knows.")

        @OptionGroup var peer: PeerOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            guard case .models(let models) = try peer.ask(.modelList) else { throw ControlError.unreadableAnswer }
            try output.show(models, Views.models(models))
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a model.")

        @Argument(help: "Name of the model.")
        var name: String
        @OptionGroup var peer: PeerOptions
        @OptionGroup var output: OutputOptions

        func run() throws { try output.show(model: try peer.ask(.modelShow(name: name))) }
    }

    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Forget a model, and delete its pieces on this peer.")

        @Argument(help: "Name of the model.")
        var name: String
        @OptionGroup var peer: PeerOptions

        func run() throws {
            guard case .done = try peer.ask(.modelRemove(name: name)) else { throw ControlError.unreadableAnswer }
            confirm("The model \(name) is removed from this peer.")
        }
    }
}

extension OutputOptions {
    fileprivate func show(model result: ControlResult) throws {
        guard case .model(let model) = result else { throw ControlError.unreadableAnswer }
        try show(model, Views.model(model))
    }
}
