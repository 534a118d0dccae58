"""The world over HTTP: how requests and answers of the model travel, and who runs programs while they do."""
