// What a file must have beyond being whole, so that a network that is made with it can answer.

extension ModelFile {
    /// Whether every block can be loaded, and text become tokens: what members of a network would find out one by one,
    /// told while nothing is cut yet.
    ///
    /// - Throws: `ModelFileError`, in one sentence why the model cannot answer.
    public func checkCanAnswer() throws(ModelFileError) {
        do throws(EngineError) {
            _ = try hyperparameters.engineShape()
            try checkSingles()
        } catch {
            throw .notComputed(error)
        }
        do {
            _ = try ModelMetadata(self)
        } catch let error as ModelFileError {
            throw error
        } catch let error as TokenizerError {
            throw .tokenizer(file: "", error)
        } catch {
            throw .malformed(what: "its metadata", reason: "\(error)")
        }
    }

    /// Why conversations cannot be written as the model wants to read them; nil where they can, or where the model has
    /// no template and goes on with any text. Such a model still makes embeddings.
    public var chatTemplateProblem: TemplateError? {
        // One that is no text is refused by `checkCanAnswer`.
        guard let source = try? document.metadata.string("tokenizer.chat_template") else { return nil }
        do throws(TemplateError) {
            _ = try ChatTemplate(source)
            return nil
        } catch {
            return error
        }
    }

    /// Norms, biases and the like are read as single precision and nothing else.
    private func checkSingles() throws(EngineError) {
        var names = [hyperparameters.outputNormTensor]
        for (index, layer) in hyperparameters.layers.enumerated() {
            for expected in layer.tensors(width: hyperparameters.embeddingWidth) where expected.isSingle {
                names.append(expected.tensor.name(inLayer: index))
            }
        }
        for name in names {
            guard let type = shape(ofTensor: name)?.type, type != .f32 else { continue }
            throw .tensorType(name: name, expected: "f32", found: "\(type)")
        }
    }
}
