"""STFM: a picture, two seconds of a voice and a text become a voice and a talking face, together.

"Playing for You: Text Prompt-Guided Joint Audio-Visual Generation for Narrating Faces Using
Multi-Entangled Latent Space", under review at ICLR 2025.

    sample ─HiFi-GAN, Wav2Vec─▶ f_a + f_s ─┐          text ─BPE─▶ f_t          picture ─VAE, masks─▶
                                           │                                     f_i + f_lm + f_fm
    Eq. 1   audio asks text and picture ───┴▶ E_a ─split─▶ GPT-2 ─codes, latents─▶ vocoder ─▶ voice
    Eq. 2   picture asks text and audio ─────▶ E_v ─EC─▶ denoising U-Net ─▶ VAE ─▶ pictures
    DC      U-Net asks GPT-2's latents; these ask the U-Net's middle before they are voiced
"""

TALKER = "vivavoce.systems.stfm.talker:Stfm"
TRAINING = "vivavoce.train.stfm.training:StfmTraining"
